import { fail } from '#base'
import { formatAddress, tryParseAddress } from './address.ts'
import type { PortMapping } from './types.ts'

/** A port as the user asked for it: `hostPort` 0 is any free one, `hostPortEnd` makes it any free one of a range. */
export interface PortRequest extends PortMapping {
  readonly hostPortEnd?: number
}

const GRAMMAR = 'Write -p [IP:][HOST[-END]:]CONTAINER[-END][/tcp|udp|sctp], for example 127.0.0.1:8080:80.'

/** Reads one `--publish` value, `[ip:][host[-range]:]container[-range][/protocol]`; a range gives one request for each port. */
export function parsePublish(text: string): PortRequest[] {
  const refuse = (what: string): never =>
    fail('invalid_argument', `invalid published port ${JSON.stringify(text)}: ${what}`, { hint: GRAMMAR })
  const parts = text.split(':')
  const [container = '', ...more] = (parts.pop() ?? '').split('/')
  const hostText = parts.pop() ?? ''
  const hostIp = parseHostIp(parts.join(':'), parts.length > 0, refuse)
  if (more.length > 1) refuse('more than one protocol')
  const protocol = (more[0] ?? 'tcp').toLowerCase()
  if (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp') {
    return refuse(`unknown protocol ${JSON.stringify(more[0])}`)
  }
  if (container === '') refuse('no container port')
  const [first, last] = parseRange(container, 1, 'container port', refuse)
  const count = last - first + 1
  if (hostText === '') return sequence(count, (at) => ({ hostIp, hostPort: 0, containerPort: first + at, protocol }))
  const [hostFirst, hostLast] = parseRange(hostText, 0, 'host port', refuse)
  if (count === 1 && hostLast > hostFirst) {
    if (hostFirst === 0) refuse('a range of host ports starts at 1')
    return [{ hostIp, hostPort: hostFirst, hostPortEnd: hostLast, containerPort: first, protocol }]
  }
  if (hostLast - hostFirst + 1 !== count) refuse(`${hostText} and ${container} are ranges of different lengths`)
  const hostPort = (at: number): number => hostFirst + at
  return sequence(count, (at) => ({ hostIp, hostPort: hostPort(at), containerPort: first + at, protocol }))
}

/** Whether both cannot be published at once: same port and protocol, on addresses that overlap. */
export function portsConflict(a: PortMapping, b: PortMapping): boolean {
  if (a.hostPort !== b.hostPort || a.protocol !== b.protocol) return false
  return covers(a.hostIp, b.hostIp) || covers(b.hostIp, a.hostIp)
}

/** `8080` or `127.0.0.1:8080` or `[::1]:8080`, with the protocol when it is not TCP: for messages. */
export function formatHostPort({ hostIp, hostPort, protocol }: PortMapping): string {
  const suffix = protocol === 'tcp' ? '' : `/${protocol}`
  return `${hostIp === '' ? '' : `${bracketed(hostIp)}:`}${hostPort}${suffix}`
}

export interface FormatPortsOptions {
  /** Exposed and unpublished, as an image config names them: `80/tcp`. */
  readonly exposed?: readonly string[]
  /** False when the container has no IPv6 address, so that `-p 80:80` stands for IPv4 alone. */
  readonly ipv6?: boolean
}

interface Shown {
  readonly ip: string
  readonly host: number
  readonly container: number
  readonly protocol: string
}

/** The PORTS column of `ps`: `0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, 443/tcp`; ports mapped to themselves fold to ranges. */
export function formatPorts(ports: readonly PortMapping[], options: FormatPortsOptions = {}): string {
  const shown = [...ports.flatMap((port) => published(port, options.ipv6 ?? true)), ...unpublished(ports, options)]
  shown.sort(
    (a, b) => a.container - b.container || compare(a.ip, b.ip) || a.host - b.host || compare(a.protocol, b.protocol),
  )
  const groups = new Map<string, { readonly first: Shown; last: number }>()
  const [folded, single]: [string[], string[]] = [[], []]
  for (const port of shown) {
    if (port.ip !== '' && port.host !== port.container) {
      single.push(`${bracketed(port.ip)}:${port.host}->${port.container}/${port.protocol}`)
      continue
    }
    const key = `${port.ip}/${port.protocol}`
    const group = groups.get(key)
    if (group && port.container === group.last + 1) {
      group.last = port.container
      continue
    }
    if (group) folded.push(formatGroup(group))
    groups.set(key, { first: port, last: port.container })
  }
  return [...folded, ...Array.from(groups.values(), formatGroup), ...single].join(', ')
}

function formatGroup({ first, last }: { readonly first: Shown; readonly last: number }): string {
  const range = first.container === last ? `${last}` : `${first.container}-${last}`
  return `${first.ip === '' ? '' : `${bracketed(first.ip)}:${range}->`}${range}/${first.protocol}`
}

/** Where a published port is reached: `0.0.0.0:8080`, `[::]:8080`. */
export function hostAddresses(port: PortMapping, ipv6: boolean): string[] {
  return published(port, ipv6).map(({ ip, host }) => `${bracketed(ip)}:${host}`)
}

function published(port: PortMapping, ipv6: boolean): Shown[] {
  const { hostPort: host, containerPort: container, protocol } = port
  const ips = port.hostIp !== '' ? [port.hostIp] : ipv6 ? ['0.0.0.0', '::'] : ['0.0.0.0']
  return ips.map((ip) => ({ ip, host, container, protocol }))
}

function unpublished(ports: readonly PortMapping[], { exposed = [] }: FormatPortsOptions): Shown[] {
  const done = new Set(ports.map((port) => `${port.containerPort}/${port.protocol}`))
  return exposed.flatMap((text) => {
    const [port = '', protocol = 'tcp'] = text.split('/')
    return done.has(`${port}/${protocol}`) ? [] : [{ ip: '', host: 0, container: Number(port), protocol }]
  })
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function bracketed(ip: string): string {
  return ip.includes(':') ? `[${ip}]` : ip
}

function covers(wide: string, narrow: string): boolean {
  if (wide === '' || wide === narrow) return true
  return wide === (narrow.includes(':') ? '::' : '0.0.0.0') && narrow !== ''
}

function parseHostIp(text: string, present: boolean, refuse: (what: string) => never): string {
  // `-p :8080:80` names no address; so does `-p 8080:80`.
  if (!present || text === '') return ''
  const bare = /^\[(.*)\]$/.exec(text)?.[1]
  const address = tryParseAddress(bare ?? text)
  if (!address || (bare !== undefined && address.length === 4))
    return refuse(`invalid IP address ${JSON.stringify(text)}`)
  return formatAddress(address)
}

function parseRange(text: string, least: number, what: string, refuse: (what: string) => never): [number, number] {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text)
  const first = Number(match?.[1] ?? -1)
  const last = Number(match?.[2] ?? first)
  if (!match || first < least || last > 65535) refuse(`invalid ${what} ${JSON.stringify(text)}`)
  if (last < first) refuse(`the range ${text} ends before it starts`)
  return [first, last]
}

function sequence(count: number, make: (at: number) => PortRequest): PortRequest[] {
  return Array.from({ length: count }, (_, at) => make(at))
}
