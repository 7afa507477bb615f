import { existsSync, readFileSync } from 'node:fs'
import { fail } from '#base'
import { addressAt, formatAddress, formatCidr, overlaps, parseCidr, type Cidr } from './address.ts'
import { NETLINK_ROUTE, openNetlink } from './netlink.ts'
import { listLinks, listRoutes } from './rtnetlink.ts'
import type { NetworkConfig, Subnet } from './types.ts'

export interface NetworkRequest {
  readonly id: string
  readonly name: string
  readonly bridge: string
  /** Subnets of other networks, which may have no routes at the moment. */
  readonly taken?: readonly string[]
  readonly internal?: boolean
  /** Whether to give it IPv6; by default when this host has an IPv6 address other than loopback. */
  readonly ipv6?: boolean
}

const STANDARD_MTU = 1500
const LOOPBACK_IPV6 = '00000000000000000000000000000001'

/**
 * Private ranges (RFC 1918) in order of preference. Not 10.88.0.0/16 and those behind it: they are Podman's, which takes them
 * without a look at the routes, and may do so after us.
 */
function* candidates(): Generator<string> {
  for (let second = 100; second < 128; second++) yield `10.${second}.0.0/16`
  for (let second = 20; second < 32; second++) yield `172.${second}.0.0/16`
  for (let third = 0; third < 256; third += 16) yield `192.168.${third}.0/20`
}

/**
 * A new bridge network that collides with no route of this host: a private IPv4 subnet, a random
 * unique local /64 (RFC 4193) when the host has IPv6, and the MTU of the way out.
 * Errors: `resource_exhausted` when every private range is routed somewhere.
 */
export function planNetwork(request: NetworkRequest): NetworkConfig {
  using socket = openNetlink(NETLINK_ROUTE)
  const routes = listRoutes(socket, false)
  const used = [
    ...routes.flatMap(({ destination }) => destination ?? []),
    ...(request.taken ?? []).map(parseCidr).filter(({ base }) => base.length === 4),
  ]
  const wayOut = routes.find(({ destination }) => destination === undefined)?.interfaceIndex
  const mtu = listLinks(socket).find(({ index }) => index === wayOut)?.mtu ?? STANDARD_MTU
  const subnets = [chooseIpv4(used)]
  if (request.ipv6 ?? hostHasIpv6()) subnets.push(randomUla(crypto.getRandomValues(new Uint8Array(5))))
  const { id, name, bridge } = request
  return {
    id,
    name,
    bridge,
    subnets,
    ...(request.internal && { internal: true }),
    ...(mtu !== STANDARD_MTU && mtu > 0 && { mtu }),
  }
}

/** The first private IPv4 subnet that overlaps none of these; its first address is the gateway. */
export function chooseIpv4(used: readonly Cidr[]): Subnet {
  for (const text of candidates()) {
    const cidr = parseCidr(text)
    if (!used.some((other) => overlaps(other, cidr))) return withGateway(cidr)
  }
  return fail('resource_exhausted', 'every private IPv4 range is routed already', {
    hint: 'name a free subnet yourself: --subnet',
  })
}

/** `globalId`: 40 random bits. */
export function randomUla(globalId: Uint8Array): Subnet {
  const base = new Uint8Array(16)
  base[0] = 0xfd
  base.set(globalId.subarray(0, 5), 1)
  return withGateway({ base, prefix: 64 })
}

export function hostHasIpv6(): boolean {
  const table = '/proc/net/if_inet6'
  if (!existsSync(table)) return false
  return readFileSync(table, 'utf8')
    .split('\n')
    .some((line) => line !== '' && !line.startsWith(LOOPBACK_IPV6))
}

function withGateway(cidr: Cidr): Subnet {
  return { subnet: formatCidr(cidr), gateway: formatAddress(addressAt(cidr, 1n)) }
}
