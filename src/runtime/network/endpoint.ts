import { fail } from '#base'
import { inNetns } from '#sys'
import { parseAddress, parseCidr } from './address.ts'
import { macFor } from './bridge.ts'
import { NETLINK_ROUTE, openNetlink, refuse, type Message, type NetlinkConnection } from './netlink.ts'
import {
  deleteLink,
  findLink,
  LOOPBACK_INDEX,
  newAddress,
  newDefaultRoute,
  newVeth,
  replaceNeighbour,
  raisePort,
  setUp,
  settle,
  type Mac,
} from './rtnetlink.ts'
import { ensureSysctl, kernelHasIpv6 } from './sysctl.ts'
import type { Endpoint, NetworkConfig } from './types.ts'

const EEXIST = 17
const NAME_TRIES = 3

/** Plugs a namespace into a network's bridge: the pair, its addresses, the way out. Leaves nothing when it fails. */
export function plug(host: NetlinkConnection, netnsFd: number, network: NetworkConfig, endpoint: Endpoint): void {
  const bridge = findLink(host, network.bridge)
  if (!bridge) {
    return fail('failed_precondition', `bridge ${network.bridge} of network ${network.name} is missing`)
  }
  const mac = macOf(endpoint)
  const name = createPair(host, bridge.index, { netnsFd, network, endpoint, mac })
  try {
    const inside = addressesOf(network, endpoint)
    const neighbours = inside.map(({ address }) => replaceNeighbour(bridge.index, address, mac))
    for (const answer of host.transact([raisePort(name), ...neighbours])) refuse(answer, `setting up ${name}`)
    configure(netnsFd, network, endpoint, inside)
    settle(host, name)
    settle(host, network.bridge)
  } catch (error) {
    host.transact([deleteLink(name)])
    throw error
  }
}

interface Inside {
  readonly address: Uint8Array
  readonly prefix: number
  readonly gateway: Uint8Array
}

/** Names are random: the last pair of a container that restarts may still be on its way out. */
function createPair(
  host: NetlinkConnection,
  bridgeIndex: number,
  to: { readonly netnsFd: number; readonly network: NetworkConfig; readonly endpoint: Endpoint; readonly mac: Mac },
): string {
  const { network, endpoint, netnsFd, mac } = to
  for (let tries = 1; ; tries++) {
    const name = `veth${Math.floor(Math.random() * 2 ** 32).toString(16)}`
    const [answer] = host.transact([
      newVeth({
        name,
        bridgeIndex,
        ...(network.mtu && { mtu: network.mtu }),
        alias: `cairn ${endpoint.containerId.slice(0, 12)} ${network.name}`.slice(0, 255),
        peer: { name: endpoint.interfaceName, mac, netnsFd },
      }),
    ])
    if (answer?.errno === 0) return name
    const about = `creating ${endpoint.interfaceName} for container ${endpoint.containerId.slice(0, 12)}`
    if (answer) refuse(answer, about, tries < NAME_TRIES ? [EEXIST] : [])
  }
}

function configure(netnsFd: number, network: NetworkConfig, endpoint: Endpoint, inside: readonly Inside[]): void {
  const { interfaceName } = endpoint
  using socket = inNetns(netnsFd, () => {
    // Any container could pose as the router of its bridge (CVE-2020-13401).
    if (kernelHasIpv6()) ensureSysctl(`ipv6/conf/${interfaceName}/accept_ra`, '0')
    return openNetlink(NETLINK_ROUTE)
  })
  const link = findLink(socket, interfaceName)
  if (!link) return fail('internal', `interface ${interfaceName} did not arrive in its namespace`)
  const messages: Message[] = [setUp(LOOPBACK_INDEX), setUp(link.index)]
  for (const { address, prefix } of inside) messages.push(newAddress(link.index, address, prefix))
  const routes = network.internal ? [] : inside.map(({ gateway }) => newDefaultRoute(gateway))
  for (const answer of socket.transact(messages)) refuse(answer, `configuring ${interfaceName}`)
  settle(socket, interfaceName)
  // With several networks the first one's route stays.
  for (const answer of socket.transact(routes)) refuse(answer, `routing through ${network.name}`, [EEXIST])
}

function addressesOf(network: NetworkConfig, endpoint: Endpoint): Inside[] {
  return [endpoint.ipv4, endpoint.ipv6].flatMap((text) => {
    if (text === undefined) return []
    const address = parseAddress(text)
    const subnet = network.subnets.find(({ gateway }) => parseAddress(gateway).length === address.length)
    if (!subnet) return fail('invalid_argument', `network ${network.name} has no subnet for ${text}`)
    return [{ address, prefix: parseCidr(subnet.subnet).prefix, gateway: parseAddress(subnet.gateway) }]
  })
}

function macOf({ mac, ipv4, ipv6, containerId }: Endpoint): Mac {
  if (mac === undefined) {
    return macFor(ipv4 ?? ipv6 ?? fail('invalid_argument', `container ${containerId.slice(0, 12)} has no address`))
  }
  const bytes = mac.split(':').map((part) => (/^[0-9a-fA-F]{2}$/.test(part) ? Number.parseInt(part, 16) : -1))
  const usable = bytes.length === 6 && !bytes.includes(-1) && ((bytes[0] ?? 0) & 1) === 0
  return usable ? Uint8Array.from(bytes) : fail('invalid_argument', `invalid MAC address ${JSON.stringify(mac)}`)
}
