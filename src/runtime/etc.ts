import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fail } from '#base'
import { isErrno } from '#sys'
import { tryParseAddress } from './network/address.ts'
import type { NetworkFilePaths } from './spec/types.ts'

/** What `/etc/hosts`, `/etc/hostname` and `/etc/resolv.conf` of a container depend on. */
export interface NetworkFileOptions {
  readonly hostname: string
  readonly domainname?: string
  /** With the host's network the host's own files are taken, and what is named is added. */
  readonly hostNetwork?: boolean
  /** The container's own addresses; IPv6 name servers are kept only when one of them is IPv6. */
  readonly addresses?: readonly string[]
  readonly aliases?: readonly string[]
  /** `name:address` (or `name=address`); `host-gateway` stands for `gateway`. */
  readonly extraHosts?: readonly string[]
  readonly gateway?: string
  readonly dns?: readonly string[]
  /** `.` for none. */
  readonly dnsSearch?: readonly string[]
  readonly dnsOptions?: readonly string[]
}

export interface NetworkFiles {
  readonly hosts: string
  readonly hostname: string
  readonly resolvConf: string
}

/** What the host says about names, for {@link networkFiles}. */
export interface HostFiles {
  readonly hosts: string
  readonly resolvConf: string
}

const LOCAL_HOSTS = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
`
/** Docker's, for a host whose only name server is on its own loopback. */
const FALLBACK_SERVERS = ['8.8.8.8', '8.8.4.4', '2001:4860:4860::8888', '2001:4860:4860::8844']

/** The contents of the three files. Pure, given the host's. */
export function networkFiles(options: NetworkFileOptions, host: HostFiles = hostFiles()): NetworkFiles {
  const extra = (options.extraHosts ?? []).map((entry) => extraHost(entry, options.gateway))
  const base = options.hostNetwork ? withNewline(host.hosts) : LOCAL_HOSTS
  return {
    hosts: base + [...extra, ...ownHosts(options)].join(''),
    hostname: `${options.hostname}\n`,
    resolvConf: resolvConf(options, host.resolvConf),
  }
}

function withNewline(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`
}

function ownHosts(options: NetworkFileOptions): string[] {
  const full = options.domainname ? [`${options.hostname}.${options.domainname}`] : []
  const names = [...full, options.hostname, ...(options.aliases ?? [])].join(' ')
  return (options.addresses ?? []).map((address) => `${address}\t${names}\n`)
}

function extraHost(entry: string, gateway: string | undefined): string {
  const [, name = '', written = ''] = /^([^:=\s]+)[:=]\[?([^\]\s]+)\]?$/.exec(entry) ?? []
  const address = written === 'host-gateway' ? gateway : written
  if (name === '' || address === undefined || !tryParseAddress(address)) {
    fail('invalid_argument', `invalid extra host: "${entry}" (as name:address)`)
  }
  return `${address}\t${name}\n`
}

interface Resolver {
  readonly nameservers: readonly string[]
  readonly search: readonly string[]
  readonly options: readonly string[]
}

function resolvConf(asked: NetworkFileOptions, hostText: string): string {
  const overridden = asked.dns?.length || asked.dnsSearch?.length || asked.dnsOptions?.length
  if (asked.hostNetwork && !overridden) return hostText
  const host = parseResolvConf(hostText)
  for (const server of asked.dns ?? []) {
    if (!tryParseAddress(server)) fail('invalid_argument', `invalid DNS server: "${server}" is no IP address`)
  }
  const search = (asked.dnsSearch?.length ? asked.dnsSearch : host.search).filter((domain) => domain !== '.')
  const options = asked.dnsOptions?.length ? asked.dnsOptions : host.options
  return [
    ...nameservers(asked, host).map((server) => `nameserver ${server}`),
    ...(search.length > 0 ? [`search ${search.join(' ')}`] : []),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
  ]
    .map((line) => `${line}\n`)
    .join('')
}

function nameservers(asked: NetworkFileOptions, host: Resolver): readonly string[] {
  if (asked.dns?.length) return asked.dns
  if (asked.hostNetwork) return host.nameservers
  const ipv6 = (asked.addresses ?? []).some((address) => isIPv6(address))
  const usable = (servers: readonly string[]): string[] =>
    servers.filter((server) => !isLoopback(server) && (ipv6 || !isIPv6(withoutZone(server))))
  const kept = usable(host.nameservers)
  return kept.length > 0 ? kept : usable(FALLBACK_SERVERS)
}

/** From inside a container its own loopback answers, which has no name server. */
function isLoopback(server: string): boolean {
  return server.startsWith('127.') || withoutZone(server) === '::1'
}

function withoutZone(address: string): string {
  return address.split('%', 1)[0] ?? ''
}

/** resolv.conf(5): the last `search` or `domain` counts, options add up. */
function parseResolvConf(text: string): Resolver {
  const nameservers: string[] = []
  const options: string[] = []
  let search: string[] = []
  for (const line of text.split('\n')) {
    const [keyword = '', ...values] = (line.split(/[#;]/, 1)[0] ?? '').trim().split(/\s+/)
    if (keyword === 'nameserver' && values[0]) nameservers.push(values[0])
    else if (keyword === 'search' || keyword === 'domain') search = values
    else if (keyword === 'options') options.push(...values)
  }
  return { nameservers, search, options }
}

const STUB_ONLY = ['127.0.0.53']
/** The servers behind systemd-resolved's stub. */
const BEHIND_STUB = '/run/systemd/resolve/resolv.conf'

/** The host's own files; absent ones are empty. */
function hostFiles(): HostFiles {
  const listed = readText('/etc/resolv.conf')
  const stub = parseResolvConf(listed).nameservers.join() === STUB_ONLY.join()
  return { hosts: readText('/etc/hosts'), resolvConf: (stub && readText(BEHIND_STUB)) || listed }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return ''
    throw error
  }
}

/** Writes the files into a container's directory; the paths are {@link buildSpec}'s `files`. */
export function writeNetworkFiles(dir: string, files: NetworkFiles): Required<NetworkFilePaths> {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const put = (name: string, text: string): string => {
    const path = join(dir, name)
    writeFileSync(path, text)
    // Whatever the caller's umask is, the container's users read these.
    chmodSync(path, 0o644)
    return path
  }
  return {
    hosts: put('hosts', files.hosts),
    hostname: put('hostname', files.hostname),
    resolvConf: put('resolv.conf', files.resolvConf),
  }
}

// node:net's own isIPv6 would do, but loading that module takes 3 ms of every start.
function isIPv6(address: string): boolean {
  return tryParseAddress(address)?.length === 16
}
