import { fail } from '#base'
import { equal, formatCidr, following, lastAddress, parseCidr } from './address.ts'
import { refuse, type Message, type NetlinkConnection } from './netlink.ts'
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
  type Element,
  type TableRef,
} from './nftables.ts'
import { CHAINS, rules, RULES_VERSION, SETS } from './rules.ts'
import type { NetworkConfig } from './types.ts'

/** The whole table as messages; `kept` are elements by set. */
export function tableMessages(ref: TableRef, kept: ReadonlyMap<string, readonly Element[]> = new Map()): Message[] {
  return [
    newTable(ref, RULES_VERSION),
    ...SETS.map((set, at) => newSet(ref, set, at + 1)),
    ...CHAINS.map((chain) => newChain(ref, chain)),
    ...rules().map((rule) => newRule(ref, rule)),
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

/**
 * Whether table and network are there. A network's elements come and go in one transaction: the last of them tells. A
 * bridge of that name may be left of a store that is gone, with other subnets.
 */
export function networkIsLoaded(socket: NetlinkConnection, ref: TableRef, network: NetworkConfig): boolean {
  if (tableComment(socket, ref) !== RULES_VERSION) return false
  const [set, [first]] = networkElements(network).at(-1)!
  return hasElement(socket, ref, 'bridges', { key: nameKey(network.bridge) }) && hasElement(socket, ref, set, first!)
}

/** What a network adds, by set. */
function networkElements(network: NetworkConfig): [set: string, elements: Element[]][] {
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
