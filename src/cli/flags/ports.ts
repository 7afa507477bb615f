import { fail } from '#base'
import type { PortMapping } from '#engine'

const MAX_RANGE = 1000

/** `-p [IP:][HOST[-HOST]:]CONTAINER[-CONTAINER][/PROTOCOL]`; a host port of 0 asks for a free one. */
export function parsePorts(text: string): readonly PortMapping[] {
  const wrong = (why: string): never =>
    fail('invalid_argument', `invalid published port ${JSON.stringify(text)}: ${why}`)
  const [, address, protocol = 'tcp'] = /^([^/]*)(?:\/(.*))?$/.exec(text) ?? []
  if (address === undefined || !/^(tcp|udp|sctp)$/i.test(protocol)) return wrong('the protocol is tcp, udp or sctp')
  const [, ip = '', rest = ''] = /^(?:(\[[^\]]*\]|[^:[\]]*\.[^:]*|):(?=.*))?(.*)$/.exec(address) ?? []
  const [first = '', second, ...more] = rest.split(':')
  if (more.length > 0) return wrong('[IP:][HOST:]CONTAINER[/PROTOCOL] is meant')
  const [host, container] = second === undefined ? ['', first] : [first, second]
  const inside = range(container, wrong)
  const outside = host === '' ? undefined : range(host, wrong)
  const count = inside[1] - inside[0] + 1
  if (count > MAX_RANGE) return wrong(`more than ${MAX_RANGE} ports`)
  if (outside && outside[1] - outside[0] + 1 !== count) {
    // One container port on the first free one of a host range is asked for so rarely that it is refused.
    return wrong('the ranges differ in length')
  }
  return Array.from({ length: count }, (_, i) => ({
    hostIp: ip.replace(/^\[|\]$/g, ''),
    hostPort: outside ? outside[0] + i : 0,
    containerPort: inside[0] + i,
    protocol: protocol.toLowerCase() as PortMapping['protocol'],
  }))
}

function range(text: string, wrong: (why: string) => never): readonly [number, number] {
  const [, from, to = from] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? []
  const [low, high] = [Number(from), Number(to)]
  if (from === undefined || high < low || high > 65535)
    return wrong(`${JSON.stringify(text)} is not a port from 1 to 65535`)
  if (low === 0 && high !== 0) return wrong('a range starts at 1')
  return [low, high]
}

/** A container's ports as `ps` shows them: `0.0.0.0:8080->80/tcp`; neighbours joined into ranges. */
export function showPorts(ports: readonly PortMapping[], exposed: readonly string[]): string {
  const published = new Set(ports.map((port) => `${port.containerPort}/${port.protocol}`))
  const shown = ports.flatMap((port) => {
    const inner = `${port.containerPort}/${port.protocol}`
    const hosts =
      port.hostIp === '' ? ['0.0.0.0', '[::]'] : [port.hostIp.includes(':') ? `[${port.hostIp}]` : port.hostIp]
    return hosts.map((host) => `${host}:${port.hostPort}->${inner}`)
  })
  return [...shown, ...exposed.filter((port) => !published.has(port))].join(', ')
}
