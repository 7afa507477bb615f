import { fail } from '#base'
import { addressAt, contains, equal, formatAddress, lastAddress, parseAddress, parseCidr } from './address.ts'
import type { NetworkConfig, Subnet } from './types.ts'

export interface Allocation {
  readonly ipv4?: string
  readonly ipv6?: string
}

/**
 * The lowest free address in each subnet of a network; never the network's own, its broadcast
 * address or the gateway. `taken` holds canonical texts; `wanted` are addresses that the user
 * asked for. Pure: whoever records the answer makes it exclusive.
 * Errors: `resource_exhausted` when a subnet is full, `invalid_argument` or `already_exists` for a wanted address.
 */
export function allocate(network: NetworkConfig, taken: ReadonlySet<string>, wanted: Allocation = {}): Allocation {
  const result: { ipv4?: string; ipv6?: string } = {}
  for (const subnet of network.subnets) {
    const family = subnet.subnet.includes(':') ? 'ipv6' : 'ipv4'
    result[family] ??= pick(network, subnet, taken, wanted[family])
  }
  for (const family of ['ipv4', 'ipv6'] as const) {
    if (wanted[family] !== undefined && result[family] === undefined) {
      fail('invalid_argument', `network ${network.name} has no ${family === 'ipv4' ? 'IPv4' : 'IPv6'} subnet`)
    }
  }
  return result
}

function pick(network: NetworkConfig, subnet: Subnet, taken: ReadonlySet<string>, wanted?: string): string {
  const cidr = parseCidr(subnet.subnet)
  const [gateway, last] = [parseAddress(subnet.gateway), lastAddress(cidr)]
  const usable = (address: Uint8Array): boolean =>
    !equal(address, cidr.base) && !equal(address, gateway) && !(address.length === 4 && equal(address, last))
  if (wanted !== undefined) {
    const address = parseAddress(wanted)
    const text = formatAddress(address)
    if (!contains(cidr, address) || !usable(address)) {
      fail('invalid_argument', `address ${text} cannot be given out in ${subnet.subnet} of network ${network.name}`)
    }
    if (taken.has(text))
      fail('already_exists', `address ${text} is already in use in network ${network.name}`, {
        hint: 'choose another address, or none: then a free one is given out',
      })
    return text
  }
  const size = 1n << BigInt(cidr.base.length * 8 - cidr.prefix)
  for (let offset = 1n; offset < size; offset++) {
    const address = addressAt(cidr, offset)
    if (!usable(address)) continue
    const text = formatAddress(address)
    if (!taken.has(text)) return text
  }
  return fail('resource_exhausted', `no free address in ${subnet.subnet} of network ${network.name}`, {
    hint: 'remove containers that are not needed, or make a network with a larger subnet',
  })
}
