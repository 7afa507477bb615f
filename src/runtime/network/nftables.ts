import {
  attributeList,
  be16,
  be32,
  cstr,
  decodeAttributes,
  joined,
  NLM_F_ACK,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REQUEST,
  type Attribute,
  type Message,
  type NetlinkConnection,
  type Received,
} from './netlink.ts'

/** Tables, chains, sets, elements and rules of nf_tables as plain messages (linux/netfilter/nf_tables.h). */

const SUBSYSTEM = 10 << 8
const BATCH_BEGIN = 16
const BATCH_END = 17
const enumeration = {
  newTable: 0,
  getTable: 1,
  delTable: 2,
  newChain: 3,
  getChain: 4,
  newRule: 6,
  getRule: 7,
  delRule: 8,
  newSet: 9,
  newElement: 12,
  getElement: 13,
  delElement: 14,
} as const
type Verb = keyof typeof enumeration

const USERDATA_COMMENT = 0
const NF_DROP = 0
const NF_ACCEPT = 1
const SET_MAP = 0x8
const SET_INTERVAL = 0x4
const ELEMENT_INTERVAL_END = 1
const NFTA_DATA_VALUE = 1

export const FAMILY = { inet: 1, ip: 2, ip6: 10 } as const
export type Family = keyof typeof FAMILY

/** nft's own numbers for types; concatenations are packed six bits each. */
export const TYPE = { ipv4: 7, ipv6: 8, protocol: 12, service: 13, ifname: 41 } as const
export type FieldType = keyof typeof TYPE
/** Bytes of a field, which concatenations pad to four. */
const FIELD_BYTES: Record<FieldType, number> = { ipv4: 4, ipv6: 16, protocol: 4, service: 4, ifname: 16 }
/** nft's word for a value in the machine's order, so that it lists names as names. */
const HOST_ORDER = 1

export interface TableRef {
  readonly family: Family
  readonly table: string
}

export interface SetDefinition {
  readonly name: string
  readonly key: readonly FieldType[]
  /** Makes it a map. */
  readonly data?: readonly FieldType[]
  readonly interval?: boolean
}

export interface ChainDefinition {
  readonly name: string
  /** Absent: a chain that others jump to. */
  readonly hook?: {
    readonly type: 'filter' | 'nat'
    readonly number: number
    readonly priority: number
    readonly policy?: 'drop'
  }
}

export interface Element {
  readonly key: Uint8Array
  readonly data?: Uint8Array
  readonly intervalEnd?: boolean
  /** Shown by `nft list`; at most 128 bytes. */
  readonly comment?: string
}

export interface Rule {
  readonly handle: Uint8Array
  readonly comment: string
}

/**
 * One transaction: all of it happens or nothing does. The kernel acknowledges after the commit,
 * so asking with the last message is enough.
 */
export function batch(messages: readonly Message[]): Message[] {
  const edge = (type: number): Message => ({ type, flags: NLM_F_REQUEST, header: nfgen(0, 10), attributes: [] })
  const last = messages.length - 1
  const asking = messages.map((message, at) =>
    at === last ? { ...message, flags: message.flags | NLM_F_ACK } : message,
  )
  return [edge(BATCH_BEGIN), ...asking, edge(BATCH_END)]
}

/** `userdata` is ours to keep with the table: the version of its rules. */
export function newTable(ref: TableRef, userdata: string): Message {
  return message('newTable', ref.family, NLM_F_CREATE, [
    [1, cstr(ref.table)],
    [2, be32(0)],
    [6, comment(userdata)],
  ])
}

export function deleteTable(ref: TableRef): Message {
  return message('delTable', ref.family, 0, [[1, cstr(ref.table)]])
}

/** The comment of a table; undefined when there is no such table. */
export function tableComment(socket: NetlinkConnection, ref: TableRef): string | undefined {
  const reply = socket.request(message('getTable', ref.family, 0, [[1, cstr(ref.table)]]))
  if (typeof reply === 'number') return undefined
  return readComment(attributesOf(reply).get(6))
}

export function newSet(ref: TableRef, set: SetDefinition, id: number): Message {
  const flags = (set.data ? SET_MAP : 0) | (set.interval ? SET_INTERVAL : 0)
  const data: Attribute[] = set.data
    ? [
        [6, be32(packTypes(set.data))],
        [7, be32(fieldBytes(set.data))],
      ]
    : []
  const named = set.key[0] === 'ifname'
  return message('newSet', ref.family, NLM_F_CREATE, [
    [1, cstr(ref.table)],
    [2, cstr(set.name)],
    [3, be32(flags)],
    [4, be32(packTypes(set.key))],
    [5, be32(fieldBytes(set.key))],
    ...data,
    [10, be32(id)],
    // Type 0 of nft's set userdata: the key's byte order.
    ...(named ? [[13, joined(Uint8Array.of(0, 4, HOST_ORDER, 0, 0, 0))] satisfies Attribute] : []),
  ])
}

export function newChain(ref: TableRef, chain: ChainDefinition): Message {
  const { hook } = chain
  const base: Attribute[] = hook
    ? [
        [7, cstr(hook.type)],
        [5, be32(hook.policy === 'drop' ? NF_DROP : NF_ACCEPT)],
        [
          4,
          [
            [1, be32(hook.number)],
            [2, be32(hook.priority)],
          ],
        ],
      ]
    : []
  return message('newChain', ref.family, NLM_F_CREATE, [[1, cstr(ref.table)], [3, cstr(chain.name)], ...base])
}

/** The policy of a base chain; undefined when there is no such chain. */
export function chainPolicy(socket: NetlinkConnection, ref: TableRef, chain: string): 'accept' | 'drop' | undefined {
  const reply = socket.request(
    message('getChain', ref.family, 0, [
      [1, cstr(ref.table)],
      [3, cstr(chain)],
    ]),
  )
  if (typeof reply === 'number') return undefined
  const policy = attributesOf(reply).get(5)
  return policy && policy.every((byte) => byte === 0) ? 'drop' : 'accept'
}

export interface RuleDefinition {
  readonly chain: string
  readonly expressions: readonly Attribute[]
  readonly comment?: string
}

/** Appends a rule, or puts it before all others of its chain. */
export function newRule(ref: TableRef, rule: RuleDefinition, place: 'last' | 'first' = 'last'): Message {
  return message('newRule', ref.family, NLM_F_CREATE | (place === 'last' ? NLM_F_APPEND : 0), [
    [1, cstr(ref.table)],
    [2, cstr(rule.chain)],
    [4, rule.expressions],
    ...(rule.comment === undefined ? [] : [[7, comment(rule.comment)] satisfies Attribute]),
  ])
}

export function deleteRule(ref: TableRef, chain: string, handle: Uint8Array): Message {
  return message('delRule', ref.family, 0, [
    [1, cstr(ref.table)],
    [2, cstr(chain)],
    [3, handle],
  ])
}

/** A chain's rules with their comments; none when there is no such chain. */
export function listRules(socket: NetlinkConnection, ref: TableRef, chain: string): Rule[] {
  const replies = socket.dump(
    message('getRule', ref.family, 0, [
      [1, cstr(ref.table)],
      [2, cstr(chain)],
    ]),
  )
  return replies.flatMap((reply) => {
    const attributes = attributesOf(reply)
    const handle = attributes.get(3)
    return handle ? [{ handle: handle.slice(), comment: readComment(attributes.get(7)) }] : []
  })
}

/** `exclusive`: the transaction fails with EEXIST when a key is there. Otherwise the same element again is no error. */
export function newElements(ref: TableRef, set: string, elements: readonly Element[], exclusive = false): Message {
  const flags = NLM_F_CREATE | (exclusive ? NLM_F_EXCL : 0)
  return message('newElement', ref.family, flags, elementAttributes(ref, set, elements))
}

/** The transaction fails with ENOENT when a key is absent. */
export function deleteElements(ref: TableRef, set: string, elements: readonly Element[]): Message {
  return message('delElement', ref.family, 0, elementAttributes(ref, set, elements))
}

export function hasElement(socket: NetlinkConnection, ref: TableRef, set: string, element: Element): boolean {
  const reply = socket.request(message('getElement', ref.family, 0, elementAttributes(ref, set, [element])))
  return typeof reply !== 'number'
}

export function listElements(socket: NetlinkConnection, ref: TableRef, set: string): Element[] {
  const replies = socket.dump(
    message('getElement', ref.family, 0, [
      [1, cstr(ref.table)],
      [2, cstr(set)],
    ]),
  )
  return replies.flatMap((reply) => {
    const list = attributesOf(reply).get(3)
    return list ? attributeList(list).map(([, element]) => decodeElement(element)) : []
  })
}

/** Addresses and numbers side by side, each padded to four bytes, as concatenated keys and values are. */
export function concatenation(...fields: readonly Uint8Array[]): Uint8Array {
  return joined(...fields.flatMap((field) => [field, new Uint8Array(-field.length & 3)]))
}

/** An interface name as a key: 16 bytes. */
export function nameKey(name: string): Uint8Array {
  const key = new Uint8Array(16)
  key.set(new TextEncoder().encode(name).subarray(0, 15))
  return key
}

function elementAttributes(ref: TableRef, set: string, elements: readonly Element[]): Attribute[] {
  const value = (bytes: Uint8Array): Attribute[] => [[NFTA_DATA_VALUE, bytes]]
  const list = elements.map((element): Attribute => {
    const attributes: Attribute[] = []
    if (element.intervalEnd) attributes.push([3, be32(ELEMENT_INTERVAL_END)])
    attributes.push([1, value(element.key)])
    if (element.data) attributes.push([2, value(element.data)])
    if (element.comment !== undefined) attributes.push([6, comment(element.comment)])
    return [1, attributes]
  })
  return [
    [1, cstr(ref.table)],
    [2, cstr(set)],
    [3, list],
  ]
}

function decodeElement(bytes: Uint8Array): Element {
  const attributes = decodeAttributes(bytes)
  const value = (type: number): Uint8Array | undefined => {
    const nested = attributes.get(type)
    return nested && decodeAttributes(nested).get(NFTA_DATA_VALUE)?.slice()
  }
  const data = value(2)
  const flags = attributes.get(3)
  const userdata = attributes.get(6)
  return {
    key: value(1) ?? new Uint8Array(),
    ...(data && { data }),
    ...(flags && ((flags[3] ?? 0) & ELEMENT_INTERVAL_END) !== 0 && { intervalEnd: true }),
    ...(userdata && { comment: readComment(userdata) }),
  }
}

function message(verb: Verb, family: Family, flags: number, attributes: readonly Attribute[]): Message {
  const header = nfgen(FAMILY[family], 0)
  return { type: SUBSYSTEM | enumeration[verb], flags: NLM_F_REQUEST | flags, header, attributes }
}

/** struct nfgenmsg. */
function nfgen(family: number, resource: number): Uint8Array {
  return joined(Uint8Array.of(family, 0), be16(resource))
}

function attributesOf(reply: Received): Map<number, Uint8Array> {
  return decodeAttributes(reply.payload.subarray(4))
}

/** nft's userdata: type, length, text with its NUL. */
function comment(text: string): Uint8Array {
  const bytes = cstr(text)
  return joined(Uint8Array.of(USERDATA_COMMENT, bytes.length), bytes)
}

function readComment(userdata: Uint8Array | undefined): string {
  for (let at = 0; userdata && at + 2 <= userdata.length; at += 2 + (userdata[at + 1] ?? 0)) {
    if (userdata[at] !== USERDATA_COMMENT) continue
    return new TextDecoder().decode(userdata.subarray(at + 2, at + 2 + (userdata[at + 1] ?? 0))).replace(/\0.*$/s, '')
  }
  return ''
}

function packTypes(types: readonly FieldType[]): number {
  return types.reduce((packed, type) => (packed << 6) | TYPE[type], 0)
}

function fieldBytes(types: readonly FieldType[]): number {
  return types.reduce((sum, type) => sum + FIELD_BYTES[type], 0)
}
