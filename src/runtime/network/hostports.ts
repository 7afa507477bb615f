import { fail } from '#base'
import {
  AF_INET,
  AF_INET6,
  bind,
  close,
  errnoOf,
  setSocketOption,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  socket,
} from '#sys'
import { parseAddress } from './address.ts'
import { formatHostPort, portsConflict, type PortRequest } from './portspec.ts'
import type { PortMapping } from './types.ts'

const SOL_SOCKET = 1
const SO_REUSEADDR = 2
const IPPROTO_IPV6 = 41
const IPV6_V6ONLY = 26
const IPPROTO_SCTP = 132
/** Free ports are looked for here, after IANA's registered ones (RFC 6335 §6), as Docker does. */
const FIRST_FREE = 49153
const LAST_FREE = 65535

/**
 * Turns requests into mappings: keeps fixed ports and chooses free ones for the rest, none of
 * them in `taken` or bound by a process of this host. Nothing is reserved: connecting decides.
 * Errors: `resource_exhausted` when a range has no free port.
 */
export function choosePorts(requests: readonly PortRequest[], taken: readonly PortMapping[]): PortMapping[] {
  const chosen: PortMapping[] = []
  for (const { hostIp, hostPort, hostPortEnd, containerPort, protocol } of requests) {
    if (hostPort !== 0 && hostPortEnd === undefined) {
      const wanted = { hostIp, hostPort, containerPort, protocol }
      const twice = chosen.find((other) => portsConflict(other, wanted))
      if (twice)
        fail(
          'invalid_argument',
          `port ${formatHostPort(wanted)} is published twice, to ${twice.containerPort} and ${containerPort} of the container`,
        )
      chosen.push(wanted)
      continue
    }
    const [first, last] = hostPort === 0 ? [FIRST_FREE, LAST_FREE] : [hostPort, hostPortEnd ?? hostPort]
    const start = hostPort === 0 ? Math.floor(Math.random() * (last - first + 1)) : 0
    chosen.push(firstFree({ hostIp, containerPort, protocol }, [first, last, start], [...taken, ...chosen]))
  }
  return chosen
}

function firstFree(
  port: Omit<PortMapping, 'hostPort'>,
  [first, last, start]: readonly [number, number, number],
  taken: readonly PortMapping[],
): PortMapping {
  const count = last - first + 1
  for (let tries = 0; tries < count; tries++) {
    const candidate = { ...port, hostPort: first + ((start + tries) % count) }
    if (!taken.some((other) => portsConflict(other, candidate)) && bindError(candidate) === undefined) return candidate
  }
  return fail('resource_exhausted', `no free host port in ${first}-${last} for container port ${port.containerPort}`)
}

/**
 * Refuses a port that a process of this host uses, or an address that this host does not have.
 * The rule in the table would win over the process and silently take its clients away.
 */
export function checkHostPort(port: PortMapping): void {
  const error = bindError(port)
  if (error === undefined) return
  const where = formatHostPort(port)
  if (error === 'EADDRINUSE') {
    fail('already_exists', `port ${where} is already in use by a process on this host`, {
      hint: `publish another host port, or stop the process (find it with: ss -lnp 'sport = :${port.hostPort}')`,
    })
  }
  if (error === 'EADDRNOTAVAIL') {
    fail('invalid_argument', `cannot publish on ${port.hostIp}: this host has no such address`, {
      hint: 'list its addresses with: ip address',
    })
  }
  fail('failed_precondition', `cannot publish port ${where}: bind: ${error}`, { hint: 'choose another host port' })
}

/** The errno name of a trial bind; undefined when the port is free. */
function bindError(port: PortMapping): string | undefined {
  const addresses = port.hostIp === '' ? ['0.0.0.0', '::'] : [port.hostIp]
  return addresses.map((address) => tryBind(parseAddress(address), port)).find((error) => error !== undefined)
}

function tryBind(address: Uint8Array, { protocol, hostPort }: PortMapping): string | undefined {
  const ipv6 = address.length === 16
  const type = protocol === 'tcp' ? SOCK_STREAM : protocol === 'udp' ? SOCK_DGRAM : SOCK_SEQPACKET
  let fd: number
  try {
    fd = socket(ipv6 ? AF_INET6 : AF_INET, type, protocol === 'sctp' ? IPPROTO_SCTP : 0)
  } catch {
    return // a host that does not speak it has no process that does
  }
  try {
    // A port with connections in TIME_WAIT is free; for UDP the option would let two processes share it.
    if (protocol === 'tcp') setSocketOption(fd, SOL_SOCKET, SO_REUSEADDR, 1)
    if (ipv6) setSocketOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)
    bind(fd, socketAddress(address, hostPort))
    return
  } catch (error) {
    return errnoOf(error) ?? 'unknown error'
  } finally {
    close(fd)
  }
}

/** struct sockaddr_in or sockaddr_in6. */
function socketAddress(address: Uint8Array, port: number): Uint8Array {
  const ipv6 = address.length === 16
  const bytes = new Uint8Array(ipv6 ? 28 : 16)
  new Uint16Array(bytes.buffer, 0, 1)[0] = ipv6 ? AF_INET6 : AF_INET
  bytes.set([port >> 8, port & 255], 2)
  bytes.set(address, ipv6 ? 8 : 4)
  return bytes
}
