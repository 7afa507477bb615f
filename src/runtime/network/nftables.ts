import { utf8 } from '#base'
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
  textOf,
  type Attribute,
  type Message,
  type NetlinkConnection,
  type Received,
} from './netlink.ts'

/** Tables, chains, sets, elements and rules of nf_tables as plain messages (linux/netfilter/nf_tables.h). */

const SUBSYSTEM = 10 << 8
const BATCH_BEGIN = 16
const BATCH_END = 17
const VERBS = {
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
type Verb = keyof typeof VERBS

/** Attribute numbers, by object. */
const TABLE = { name: 1, flags: 2, userdata: 6 } as const
const CHAIN = { table: 1, name: 3, hook: 4, policy: 5, type: 7 } as const
const HOOK = { number: 1, priority: 2 } as const
const RULE = { table: 1, chain: 2, handle: 3, expressions: 4, userdata: 7 } as const
const SET = {
  table: 1,
  name: 2,
  flags: 3,
  keyType: 4,
  keyBytes: 5,
  dataType: 6,
  dataBytes: 7,
  id: 10,
  userdata: 13,
} as const
const ELEMENTS = { table: 1, set: 2, list: 3 } as const
const ELEMENT = { key: 1, data: 2, flags: 3, userdata: 6 } as const
const LIST_MEMBER = 1
const VALUE = 1

const USERDATA_COMMENT = 0
const NF_DROP = 0
const NF_ACCEPT = 1
const SET_MAP = 0x8
const SET_INTERVAL = 0x4
const ELEMENT_INTERVAL_END = 1

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
    [TABLE.name, cstr(ref.table)],
    [TABLE.flags, be32(0)],
    [TABLE.userdata, comment(userdata)],
  ])
}

export function deleteTable(ref: TableRef): Message {
  return message('delTable', ref.family, 0, [[TABLE.name, cstr(ref.table)]])
}

/** The comment of a table; undefined when there is no such table. */
export function tableComment(socket: NetlinkConnection, ref: TableRef): string | undefined {
  const reply = socket.request(message('getTable', ref.family, 0, [[TABLE.name, cstr(ref.table)]]))
  if (typeof reply === 'number') return undefined
  return readComment(attributesOf(reply).get(TABLE.userdata))
}

export function newSet(ref: TableRef, set: SetDefinition, id: number): Message {
  const flags = (set.data ? SET_MAP : 0) | (set.interval ? SET_INTERVAL : 0)
  const data: Attribute[] = set.data
    ? [
        [SET.dataType, be32(packTypes(set.data))],
        [SET.dataBytes, be32(fieldBytes(set.data))],
      ]
    : []
  const named = set.key[0] === 'ifname'
  return message('newSet', ref.family, NLM_F_CREATE, [
    [SET.table, cstr(ref.table)],
    [SET.name, cstr(set.name)],
    [SET.flags, be32(flags)],
    [SET.keyType, be32(packTypes(set.key))],
    [SET.keyBytes, be32(fieldBytes(set.key))],
    ...data,
    [SET.id, be32(id)],
    // Type 0 of nft's set userdata: the key's byte order.
    ...(named ? [[SET.userdata, joined(Uint8Array.of(0, 4, HOST_ORDER, 0, 0, 0))] satisfies Attribute] : []),
  ])
}

export function newChain(ref: TableRef, chain: ChainDefinition): Message {
  const { hook } = chain
  const base: Attribute[] = hook
    ? [
        [CHAIN.type, cstr(hook.type)],
        [CHAIN.policy, be32(hook.policy === 'drop' ? NF_DROP : NF_ACCEPT)],
        [
          CHAIN.hook,
          [
            [HOOK.number, be32(hook.number)],
            [HOOK.priority, be32(hook.priority)],
          ],
        ],
      ]
    : []
  return message('newChain', ref.family, NLM_F_CREATE, [
    [CHAIN.table, cstr(ref.table)],
    [CHAIN.name, cstr(chain.name)],
    ...base,
  ])
}

/** The policy of a base chain; undefined when there is no such chain. */
export function chainPolicy(socket: NetlinkConnection, ref: TableRef, chain: string): 'accept' | 'drop' | undefined {
  const reply = socket.request(
    message('getChain', ref.family, 0, [
      [CHAIN.table, cstr(ref.table)],
      [CHAIN.name, cstr(chain)],
    ]),
  )
  if (typeof reply === 'number') return undefined
  const policy = attributesOf(reply).get(CHAIN.policy)
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
    [RULE.table, cstr(ref.table)],
    [RULE.chain, cstr(rule.chain)],
    [RULE.expressions, rule.expressions],
    ...(rule.comment === undefined ? [] : [[RULE.userdata, comment(rule.comment)] satisfies Attribute]),
  ])
}

export function deleteRule(ref: TableRef, chain: string, handle: Uint8Array): Message {
  return message('delRule', ref.family, 0, [
    [RULE.table, cstr(ref.table)],
    [RULE.chain, cstr(chain)],
    [RULE.handle, handle],
  ])
}

/** A chain's rules with their comments; none when there is no such chain. */
export function listRules(socket: NetlinkConnection, ref: TableRef, chain: string): Rule[] {
  const replies = socket.dump(
    message('getRule', ref.family, 0, [
      [RULE.table, cstr(ref.table)],
      [RULE.chain, cstr(chain)],
    ]),
  )
  return replies.flatMap((reply) => {
    const attributes = attributesOf(reply)
    const handle = attributes.get(RULE.handle)
    return handle ? [{ handle: handle.slice(), comment: readComment(attributes.get(RULE.userdata)) }] : []
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
      [ELEMENTS.table, cstr(ref.table)],
      [ELEMENTS.set, cstr(set)],
    ]),
  )
  return replies.flatMap((reply) => {
    const list = attributesOf(reply).get(ELEMENTS.list)
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
  key.set(utf8(name).subarray(0, 15))
  return key
}

function elementAttributes(ref: TableRef, set: string, elements: readonly Element[]): Attribute[] {
  const value = (bytes: Uint8Array): Attribute[] => [[VALUE, bytes]]
  const list = elements.map((element): Attribute => {
    const attributes: Attribute[] = []
    if (element.intervalEnd) attributes.push([ELEMENT.flags, be32(ELEMENT_INTERVAL_END)])
    attributes.push([ELEMENT.key, value(element.key)])
    if (element.data) attributes.push([ELEMENT.data, value(element.data)])
    if (element.comment !== undefined) attributes.push([ELEMENT.userdata, comment(element.comment)])
    return [LIST_MEMBER, attributes]
  })
  return [
    [ELEMENTS.table, cstr(ref.table)],
    [ELEMENTS.set, cstr(set)],
    [ELEMENTS.list, list],
  ]
}

function decodeElement(bytes: Uint8Array): Element {
  const attributes = decodeAttributes(bytes)
  const value = (type: number): Uint8Array | undefined => {
    const nested = attributes.get(type)
    return nested && decodeAttributes(nested).get(VALUE)?.slice()
  }
  const data = value(ELEMENT.data)
  const flags = attributes.get(ELEMENT.flags)
  const userdata = attributes.get(ELEMENT.userdata)
  return {
    key: value(ELEMENT.key) ?? new Uint8Array(),
    ...(data && { data }),
    ...(flags && ((flags[3] ?? 0) & ELEMENT_INTERVAL_END) !== 0 && { intervalEnd: true }),
    ...(userdata && { comment: readComment(userdata) }),
  }
}

function message(verb: Verb, family: Family, flags: number, attributes: readonly Attribute[]): Message {
  const header = nfgen(FAMILY[family], 0)
  return { type: SUBSYSTEM | VERBS[verb], flags: NLM_F_REQUEST | flags, header, attributes }
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
    return textOf(userdata.subarray(at + 2, at + 2 + (userdata[at + 1] ?? 0)))
  }
  return ''
}

function packTypes(types: readonly FieldType[]): number {
  return types.reduce((packed, type) => (packed << 6) | TYPE[type], 0)
}

function fieldBytes(types: readonly FieldType[]): number {
  return types.reduce((sum, type) => sum + FIELD_BYTES[type], 0)
}
