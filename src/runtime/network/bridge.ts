import { fail } from '#base'
import { isErrno } from '#sys'
import { formatCidr, lastAddress, parseAddress, parseCidr, contains } from './address.ts'
import { refuse, type Message, type NetlinkConnection } from './netlink.ts'
import { deleteLink, findLink, newAddress, newBridge, setUp, type Link, type Mac } from './rtnetlink.ts'
import {
  ensureForwarding4,
  ensureForwarding6,
  ensureSysctl,
  forwardsIpv4,
  forwardsIpv6,
  kernelHasIpv6,
} from './sysctl.ts'
import type { NetworkConfig } from './types.ts'

const EEXIST = 17
const ENODEV = 19
const NAME_BYTES = 15

/** The bridge when it is there and up, which it becomes only after it has its addresses. */
export function readyBridge(socket: NetlinkConnection, network: NetworkConfig): Link | undefined {
  const link = findLink(socket, network.bridge)
  return link?.kind === 'bridge' && link.up && forwards(network) ? link : undefined
}

/** The bridge, up, with the gateways' addresses, and the host forwarding. Every step may have been done before. */
export function ensureBridge(socket: NetlinkConnection, network: NetworkConfig): void {
  checkNetwork(network)
  const link = findLink(socket, network.bridge) ?? createBridge(socket, network)
  if (link.kind !== 'bridge') {
    fail('failed_precondition', `interface ${link.name} exists and is no bridge`, {
      hint: `rename or remove it, or remove network ${network.name} and make it again`,
    })
  }
  if (hasFamily(network, 4)) ensureForwarding4(link.name)
  if (hasFamily(network, 6)) ensureIpv6(network)
  const addresses = network.subnets.map(({ subnet, gateway }) => gatewayAddress(link.index, subnet, gateway))
  for (const answer of socket.transact([...addresses, setUp(link.index)])) {
    refuse(answer, `giving ${link.name} its addresses (network ${network.name})`, [EEXIST])
  }
}

/** Removes the bridge if it is there and is one. */
export function removeBridge(socket: NetlinkConnection, name: string): void {
  const link = findLink(socket, name)
  if (link?.kind !== 'bridge') return
  const [answer] = socket.transact([deleteLink(name)])
  if (answer) refuse(answer, `removing ${name}`, [ENODEV])
}

/** A stable, locally administered MAC address from an IPv4 address or, without one, the last bytes of an IPv6 address. */
export function macFor(address: string): Mac {
  const mac = new Uint8Array([0x02, 0x42, 0, 0, 0, 0])
  mac.set(parseAddress(address).subarray(-4), 2)
  return mac
}

function createBridge(socket: NetlinkConnection, network: NetworkConfig): Link {
  const [first] = network.subnets
  const mac = macFor(first?.gateway ?? '0.0.0.0')
  const [answer] = socket.transact([newBridge(network.bridge, { mac, ...(network.mtu && { mtu: network.mtu }) })])
  try {
    // Another process may be making it right now.
    if (answer) refuse(answer, `creating bridge ${network.bridge}`, [EEXIST])
  } catch (cause) {
    if (!isErrno(cause, 'EOPNOTSUPP')) throw cause
    fail('failed_precondition', 'this kernel has no bridge device', { hint: 'load it: modprobe bridge', cause })
  }
  return (
    findLink(socket, network.bridge) ?? fail('unavailable', `bridge ${network.bridge} vanished while it was set up`)
  )
}

function gatewayAddress(index: number, subnet: string, gateway: string): Message {
  const cidr = parseCidr(subnet)
  const broadcast = cidr.base.length === 4 ? lastAddress(cidr) : undefined
  return newAddress(index, parseAddress(gateway), cidr.prefix, broadcast)
}

function ensureIpv6(network: NetworkConfig): void {
  if (!kernelHasIpv6()) {
    fail('failed_precondition', `network ${network.name} has an IPv6 subnet and this kernel has no IPv6`, {
      hint: 'make the network again without it',
    })
  }
  ensureSysctl(`ipv6/conf/${network.bridge}/disable_ipv6`, '0')
  ensureForwarding6()
}

/** Still: `sysctl --system` may have switched it off since. */
function forwards(network: NetworkConfig): boolean {
  return (!hasFamily(network, 4) || forwardsIpv4()) && (!hasFamily(network, 6) || forwardsIpv6())
}

function hasFamily({ subnets }: NetworkConfig, family: 4 | 6): boolean {
  return subnets.some(({ subnet }) => subnet.includes(':') === (family === 6))
}

function checkNetwork({ name, bridge, subnets }: NetworkConfig): void {
  if (!/^[a-zA-Z0-9_.-]+$/.test(bridge) || bridge.length > NAME_BYTES || /^\.{1,2}$/.test(bridge)) {
    fail('invalid_argument', `invalid bridge name ${JSON.stringify(bridge)}`, {
      hint: 'use 1 to 15 letters, digits, dots, dashes and underscores',
    })
  }
  for (const { subnet, gateway } of subnets) {
    const cidr = parseCidr(subnet)
    if (!contains(cidr, parseAddress(gateway))) {
      fail('invalid_argument', `gateway ${gateway} of network ${name} is outside ${formatCidr(cidr)}`)
    }
  }
}
