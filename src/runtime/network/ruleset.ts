import { fail } from '#base'
import { equal, formatCidr, following, lastAddress, parseCidr } from './address.ts'
import {
  compare,
  connection,
  destinationNat,
  family,
  lookup,
  masquerade,
  meta,
  payload,
  R1,
  R2,
  slot,
  toLocalAddress,
  verdict,
} from './expressions.ts'
import { refuse, type Attribute, type Message, type NetlinkConnection } from './netlink.ts'
import {
  batch,
  deleteElements,
  deleteTable,
  hasElement,
  listElements,
  nameKey,
  newChain,
  newElements,
  newRule,
  newSet,
  newTable,
  tableComment,
  type ChainDefinition,
  type Element,
  type SetDefinition,
  type TableRef,
} from './nftables.ts'
import type { NetworkConfig } from './types.ts'

/**
 * The one table, loaded once per boot. Networks and containers are elements of its sets and
 * maps: adding one never touches a rule. Drawn in docs/model/network.md.
 */

/** Kept as the table's comment: another version's table is replaced, its elements taken over. */
export const RULES_VERSION = 'cairn rules 1'

const SETS: readonly SetDefinition[] = [
  { name: 'dnat4', key: ['protocol', 'service'], data: ['ipv4', 'service'] },
  { name: 'dnat4ip', key: ['ipv4', 'protocol', 'service'], data: ['ipv4', 'service'] },
  { name: 'dnat6', key: ['protocol', 'service'], data: ['ipv6', 'service'] },
  { name: 'dnat6ip', key: ['ipv6', 'protocol', 'service'], data: ['ipv6', 'service'] },
  { name: 'nets4', key: ['ipv4'], interval: true },
  { name: 'nets6', key: ['ipv6'], interval: true },
  { name: 'bridges', key: ['ifname'] },
  { name: 'same', key: ['ifname', 'ifname'] },
  { name: 'internal', key: ['ifname'] },
]

const PREROUTING = 0
const FORWARD = 2
const OUTPUT = 3
const POSTROUTING = 4
const RAW = -300
const DESTINATION_NAT = -100
const SOURCE_NAT = 100

const CHAINS: readonly ChainDefinition[] = [
  { name: 'guard', hook: { type: 'filter', number: PREROUTING, priority: RAW } },
  { name: 'publish' },
  { name: 'prerouting', hook: { type: 'nat', number: PREROUTING, priority: DESTINATION_NAT } },
  { name: 'output', hook: { type: 'nat', number: OUTPUT, priority: DESTINATION_NAT } },
  { name: 'postrouting', hook: { type: 'nat', number: POSTROUTING, priority: SOURCE_NAT } },
  { name: 'forward', hook: { type: 'filter', number: FORWARD, priority: 0 } },
]

const IPV4 = { source: 12, destination: 16 }
const IPV6 = { source: 8, destination: 24 }
const ESTABLISHED_OR_RELATED = 6
const DESTINATION_TRANSLATED = 32

/** Each chain's rules in order. */
function rules(): [chain: string, expressions: Attribute[]][] {
  const loopback4 = (offset: number): Attribute[] => [
    ...family('ip'),
    payload('network', offset, 1, R1),
    compare(R1, 'equal', Uint8Array.of(127)),
  ]
  const from4 = [...family('ip'), payload('network', IPV4.source, 4, R1), lookup('nets4', R1)]
  const from6 = [...family('ip6'), payload('network', IPV6.source, 16, R1), lookup('nets6', R1)]
  const outside = [meta('oifname', R1), lookup('bridges', R1, { invert: true })]
  const toBridge = [meta('oifname', R1), lookup('bridges', R1)]
  const translated = connection('status', DESTINATION_TRANSLATED)
  const protocolAndPort = (at: number): Attribute[] => [
    meta('l4proto', slot(at)),
    payload('transport', 2, 2, slot(at + 1)),
  ]
  const ipv6Loopback = new Uint8Array(16)
  ipv6Loopback[15] = 1
  const toLocal = [...toLocalAddress(), verdict('jump', 'publish')]
  return [
    // With route_localnet on our bridges, 127.0.0.0/8 must not be reachable from any wire.
    [
      'guard',
      [meta('iifname', R1), compare(R1, 'unequal', nameKey('lo')), ...loopback4(IPV4.destination), verdict('drop')],
    ],
    // The kernel never routes ::1 to another interface: let clients be refused at once and turn to 127.0.0.1.
    [
      'publish',
      [
        ...family('ip6'),
        payload('network', IPV6.destination, 16, R1),
        compare(R1, 'equal', ipv6Loopback),
        verdict('return'),
      ],
    ],
    [
      'publish',
      [
        ...family('ip'),
        payload('network', IPV4.destination, 4, R1),
        ...protocolAndPort(1),
        lookup('dnat4ip', R1, { value: R1 }),
        destinationNat('ip', R1, slot(1)),
      ],
    ],
    ['publish', [...protocolAndPort(0), lookup('dnat4', R1, { value: R1 }), destinationNat('ip', R1, slot(1))]],
    [
      'publish',
      [
        ...family('ip6'),
        payload('network', IPV6.destination, 16, R1),
        ...protocolAndPort(4),
        lookup('dnat6ip', R1, { value: R1 }),
        destinationNat('ip6', R1, R2),
      ],
    ],
    ['publish', [...protocolAndPort(0), lookup('dnat6', R1, { value: R1 }), destinationNat('ip6', R1, R2)]],
    ['prerouting', toLocal],
    ['output', toLocal],
    ['postrouting', [...from4, ...outside, masquerade()]],
    ['postrouting', [...from6, ...outside, masquerade()]],
    ['postrouting', [...toBridge, ...loopback4(IPV4.source), masquerade()]],
    // A container that calls a published port must be answered by way of the host, which translates back.
    ['postrouting', [...toBridge, ...translated, ...from4, masquerade()]],
    ['postrouting', [...toBridge, ...translated, ...from6, masquerade()]],
    ['forward', [meta('iifname', R1), meta('oifname', R2), lookup('same', R1), verdict('accept')]],
    ['forward', [meta('iifname', R1), lookup('internal', R1), verdict('drop')]],
    ['forward', [meta('oifname', R1), lookup('internal', R1), verdict('drop')]],
    ['forward', [...toBridge, ...connection('state', ESTABLISHED_OR_RELATED), verdict('accept')]],
    ['forward', [...toBridge, ...translated, verdict('accept')]],
    ['forward', [...toBridge, verdict('drop')]],
  ]
}

/** The whole table as messages; `kept` are elements by set. */
export function tableMessages(ref: TableRef, kept: ReadonlyMap<string, readonly Element[]> = new Map()): Message[] {
  return [
    newTable(ref, RULES_VERSION),
    ...SETS.map((set, at) => newSet(ref, set, at + 1)),
    ...CHAINS.map((chain) => newChain(ref, chain)),
    ...rules().map(([chain, expressions]) => newRule(ref, { chain, expressions })),
    ...Array.from(kept, ([set, elements]) => newElements(ref, set, elements)),
  ]
}

/** Loads the table when it is absent or of another version. */
export function ensureTable(socket: NetlinkConnection, ref: TableRef): void {
  const version = tableComment(socket, ref)
  if (version === RULES_VERSION) return
  if (version === undefined) return commit(socket, tableMessages(ref), `loading table ${ref.table}`)
  const kept = new Map<string, readonly Element[]>()
  for (const { name } of SETS) {
    const elements = listElements(socket, ref, name)
    if (elements.length > 0) kept.set(name, elements)
  }
  commit(socket, [deleteTable(ref), ...tableMessages(ref, kept)], `replacing table ${ref.table}`)
}

/** Whether table and network are there. A network's elements come and go in one transaction: one of them tells. */
export function networkIsLoaded(socket: NetlinkConnection, ref: TableRef, network: NetworkConfig): boolean {
  const version = tableComment(socket, ref)
  return version === RULES_VERSION && hasElement(socket, ref, 'bridges', { key: nameKey(network.bridge) })
}

/** What a network adds, by set. */
export function networkElements(network: NetworkConfig): [set: string, elements: Element[]][] {
  const bridge = nameKey(network.bridge)
  const pair = new Uint8Array([...bridge, ...bridge])
  const list: [string, Element[]][] = [
    ['bridges', [{ key: bridge }]],
    ['same', [{ key: pair }]],
  ]
  if (network.internal) return [...list, ['internal', [{ key: bridge }]]]
  for (const { subnet } of network.subnets) {
    const cidr = parseCidr(subnet)
    const end = following(lastAddress(cidr))
    if (!end) fail('invalid_argument', `subnet ${formatCidr(cidr)} ends with the last of all addresses`)
    list.push([cidr.base.length === 4 ? 'nets4' : 'nets6', [{ key: cidr.base }, { key: end, intervalEnd: true }]])
  }
  return list
}

export function addNetwork(socket: NetlinkConnection, ref: TableRef, network: NetworkConfig): void {
  const messages = networkElements(network).map(([set, elements]) => newElements(ref, set, elements))
  commit(socket, messages, `adding network ${network.name}`)
}

/** Takes a network out; the table goes with the last. */
export function removeNetwork(socket: NetlinkConnection, ref: TableRef, network: NetworkConfig): void {
  const key = nameKey(network.bridge)
  const bridges = listElements(socket, ref, 'bridges')
  if (!bridges.some((one) => equal(one.key, key))) return
  const elements = networkElements(network).map(([set, list]) => deleteElements(ref, set, list))
  commit(socket, bridges.length === 1 ? [deleteTable(ref)] : elements, `removing network ${network.name}`)
}

/** One transaction, or the error of the first message that the kernel refused. */
export function commit(socket: NetlinkConnection, messages: readonly Message[], about: string): void {
  for (const answer of socket.transact(batch(messages))) refuse(answer, about)
}
