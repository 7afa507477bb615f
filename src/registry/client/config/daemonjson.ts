import { fail, utf8 } from '#base'
import { asStrings, parseObject } from '#oci'

/** What Docker's `daemon.json` says about registries. */
export interface DaemonRegistries {
  /** Mirrors of Docker Hub. */
  readonly mirrors: readonly DaemonMirror[]
  /** Hosts, `host:port`, and CIDR ranges of addresses. */
  readonly insecure: readonly string[]
}

/** A mirror of Docker Hub, from `registry-mirrors` of daemon.json. */
export interface DaemonMirror {
  /** `mirror.example.com:5000/prefix`. */
  readonly location: string
  readonly plainHttp: boolean
}

export const NO_DAEMON_REGISTRIES: DaemonRegistries = { mirrors: [], insecure: [] }

/** Reads the file's text; `what` names it in errors. */
export function parseDaemonJson(text: string, what: string): DaemonRegistries {
  const object = parseObject(utf8(text), what)
  return {
    mirrors: asStrings(object['registry-mirrors'], `${what}: registry-mirrors`).map((url) => mirrorOf(url, what)),
    insecure: asStrings(object['insecure-registries'], `${what}: insecure-registries`).map((h) =>
      h.replace(/^https?:\/\//, '').replace(/\/+$/, ''),
    ),
  }
}

function mirrorOf(text: string, what: string): DaemonMirror {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (
    !url ||
    (url.protocol !== 'https:' && url.protocol !== 'http:') ||
    url.search ||
    url.hash ||
    url.username ||
    url.password
  )
    return fail(
      'invalid_argument',
      `${what}: a mirror must be http(s)://host[:port][/path]: ${JSON.stringify(text.slice(0, 200))}`,
    )
  return { location: `${url.host}${url.pathname}`.replace(/\/+$/, ''), plainHttp: url.protocol === 'http:' }
}

/** True when a host (`name[:port]`) is among them: by name, by name and port, or by its address in a range. */
export function isInsecureHost(entries: readonly string[], host: string): boolean {
  const name = nameOf(host)
  return entries.some((entry) => entry === host || entry === name || inRange(name, entry))
}

/** Docker trusts the machine itself: 127.0.0.0/8, ::1, localhost. */
export function isLoopback(host: string): boolean {
  const name = nameOf(host)
  return name === 'localhost' || name === '[::1]' || inRange(name, '127.0.0.0/8')
}

function nameOf(host: string): string {
  return host.replace(/:\d+$/, '')
}

/** IPv4 only; an IPv6 range has to be listed by addresses. */
function inRange(address: string, cidr: string): boolean {
  const slash = cidr.indexOf('/')
  const network = ipv4(cidr.slice(0, slash))
  const bits = Number(cidr.slice(slash + 1))
  const own = ipv4(address)
  if (slash < 0 || network === undefined || own === undefined || !Number.isInteger(bits) || bits < 0 || bits > 32)
    return false
  const shift = 2 ** (32 - bits)
  return Math.floor(own / shift) === Math.floor(network / shift)
}

function ipv4(text: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)
  const parts = match?.slice(1).map(Number)
  if (!parts || parts.some((p) => p > 255)) return undefined
  return parts.reduce((n, p) => n * 256 + p, 0)
}
