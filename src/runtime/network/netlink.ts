import { closeSync } from 'node:fs'
import { fail, utf8 } from '#base'
import { kernelError, netlinkSocket, recv, send, setSocketOption } from '#sys'

/** Netlink's framing (RFC 3549; netlink(7)): messages of attributes as plain data, and a socket that answers them. */

export const NLM_F_REQUEST = 0x1
export const NLM_F_ACK = 0x4
const NLM_F_DUMP = 0x300
export const NLM_F_REPLACE = 0x100
export const NLM_F_EXCL = 0x200
export const NLM_F_CREATE = 0x400
export const NLM_F_APPEND = 0x800
export const NETLINK_ROUTE = 0
export const NETLINK_NETFILTER = 12

const NLMSG_ERROR = 2
const NLMSG_DONE = 3
const ENOENT = 2
const HEADER = 16
const NLA_F_NESTED = 0x8000
const NLA_TYPE_MASK = 0x3fff
const NLM_F_DUMP_INTR = 0x10
const NLM_F_CAPPED = 0x100
const NLM_F_ACK_TLVS = 0x200
const NLMSGERR_ATTR_MSG = 1
const SOL_NETLINK = 270
const NETLINK_CAP_ACK = 10
const NETLINK_EXT_ACK = 11
const TIMEOUT_MS = 5000
const DUMP_TRIES = 10
/** The kernel fills at most 32 KiB of a dump at a time. */
const BUFFER_BYTES = 64 * 1024

/** One for all: what is received is copied out before the next. */
let buffer: Uint8Array | undefined

/** A nested list, or the value's bytes. */
export type Attribute = readonly [type: number, value: Uint8Array | readonly Attribute[]]

export interface Message {
  readonly type: number
  readonly flags: number
  /** The family's fixed header, before the attributes. */
  readonly header: Uint8Array
  readonly attributes: readonly Attribute[]
}

export interface Received {
  readonly type: number
  readonly flags: number
  readonly sequence: number
  /** Everything after the netlink header. */
  readonly payload: Uint8Array
}

/** What the kernel said to one message: errno 0 is success. */
export interface Answer {
  readonly errno: number
  readonly detail: string
}

export const u8 = (value: number): Uint8Array => Uint8Array.of(value)
/** In the machine's order, which is little-endian wherever Bun runs. */
export const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer)
/** In network order. */
export const be16 = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 255)
/** In network order. */
export const be32 = (value: number): Uint8Array =>
  Uint8Array.of(value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255)
/** NUL-terminated. */
export const cstr = (text: string): Uint8Array => utf8(`${text}\0`)
/** The text before the first NUL. */
export const textOf = (bytes: Uint8Array): string => {
  const end = bytes.indexOf(0)
  return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end))
}
const decoder = new TextDecoder()

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

export function encodeAttributes(attributes: readonly Attribute[]): Uint8Array {
  const bytes = new Uint8Array(attributesLength(attributes))
  writeAttributes(bytes, 0, attributes)
  return bytes
}

export function encodeMessage(message: Message, sequence: number): Uint8Array {
  const bytes = new Uint8Array(messageLength(message))
  writeMessage(bytes, 0, message, sequence)
  return bytes
}

/** One after the other, numbered from `first`. Measured and then written once: the first messages of a process are not yet compiled. */
function encodeMessages(messages: readonly Message[], first: number): Uint8Array {
  let length = 0
  for (const message of messages) length += messageLength(message)
  const bytes = new Uint8Array(length)
  let at = 0
  let sequence = first
  for (const message of messages) at = writeMessage(bytes, at, message, sequence++)
  return bytes
}

function messageLength({ header, attributes }: Message): number {
  return HEADER + aligned(header.length) + attributesLength(attributes)
}

function attributesLength(attributes: readonly Attribute[]): number {
  let length = 0
  for (const [, value] of attributes) length += 4 + aligned(valueLength(value))
  return length
}

function valueLength(value: Attribute[1]): number {
  return value instanceof Uint8Array ? value.length : attributesLength(value)
}

function writeMessage(bytes: Uint8Array, start: number, message: Message, sequence: number): number {
  const { type, flags, header, attributes } = message
  bytes.set(header, start + HEADER)
  const end = writeAttributes(bytes, start + HEADER + aligned(header.length), attributes)
  write16(bytes, start, end - start)
  write16(bytes, start + 2, (end - start) >> 16)
  write16(bytes, start + 4, type)
  write16(bytes, start + 6, flags)
  write16(bytes, start + 8, sequence)
  write16(bytes, start + 10, sequence >> 16)
  return end
}

function writeAttributes(bytes: Uint8Array, start: number, attributes: readonly Attribute[]): number {
  let at = start
  for (const [type, value] of attributes) {
    const nested = !(value instanceof Uint8Array)
    const length = valueLength(value)
    write16(bytes, at, 4 + length)
    write16(bytes, at + 2, nested ? type | NLA_F_NESTED : type)
    if (nested) writeAttributes(bytes, at + 4, value)
    else bytes.set(value, at + 4)
    at += 4 + aligned(length)
  }
  return at
}

function write16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value
  bytes[at + 1] = value >> 8
}

function aligned(length: number): number {
  return (length + 3) & ~3
}

/** The attributes of one level by type; of repeated ones the last. Malformed lengths are `data_loss`. */
export function decodeAttributes(bytes: Uint8Array): Map<number, Uint8Array> {
  return new Map(attributeList(bytes))
}

/** The attributes of one level in order, for lists whose members share a type. */
export function attributeList(bytes: Uint8Array): [type: number, value: Uint8Array][] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const list: [number, Uint8Array][] = []
  for (let at = 0; at + 4 <= bytes.length;) {
    const length = view.getUint16(at, true)
    if (length < 4 || at + length > bytes.length) fail('data_loss', 'a netlink attribute is longer than its message')
    list.push([view.getUint16(at + 2, true) & NLA_TYPE_MASK, bytes.subarray(at + 4, at + length)])
    at += aligned(length)
  }
  return list
}

export function decodeMessages(bytes: Uint8Array): Received[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const list: Received[] = []
  for (let at = 0; at + HEADER <= bytes.length;) {
    const length = view.getUint32(at, true)
    if (length < HEADER || at + length > bytes.length)
      fail('data_loss', 'a netlink message is longer than its datagram')
    list.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      payload: bytes.subarray(at + HEADER, at + length),
    })
    at += aligned(length)
  }
  return list
}

/** A conversation with one netlink family, in the network namespace in which it was opened. */
export interface NetlinkConnection extends Disposable {
  /**
   * Sends all in one call and answers for each. The kernel works them off before the call
   * returns, so a process that is killed has sent all of them or none.
   */
  transact(messages: readonly Message[]): readonly Answer[]
  /** One message, one reply; the errno when the kernel refuses. */
  request(message: Message): Received | number
  /** Every member; none when what would contain them is not there. */
  dump(message: Message): Received[]
}

export function openNetlink(protocol: number): NetlinkConnection {
  const fd = netlinkSocket(protocol)
  setSocketOption(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1)
  setSocketOption(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1)
  buffer ??= new Uint8Array(BUFFER_BYTES)
  const into = buffer
  let sequence = 0
  const receive = (): Received[] => {
    const length = recv(fd, into, TIMEOUT_MS) ?? fail('unavailable', 'netlink: no answer from the kernel within 5 s')
    return decodeMessages(into.slice(0, length))
  }
  const post = (messages: readonly Message[]): number => {
    const first = sequence + 1
    send(fd, encodeMessages(messages, first))
    sequence += messages.length
    return first
  }
  const dumpOnce = (message: Message): Received[] | undefined => {
    const first = post([{ ...message, flags: message.flags | NLM_F_REQUEST | NLM_F_DUMP }])
    const list: Received[] = []
    let torn = false
    for (;;) {
      for (const received of receive().filter((one) => one.sequence === first)) {
        if (received.flags & NLM_F_DUMP_INTR) torn = true
        if (received.type === NLMSG_DONE) return torn ? undefined : list
        if (received.type === NLMSG_ERROR) {
          refuse(decodeAnswer(received), 'listing', [ENOENT])
          return []
        }
        list.push(received)
      }
    }
  }
  return {
    transact(messages) {
      if (messages.length === 0) return []
      const first = post(messages)
      return collectAnswers(messages, first, receive)
    },
    request(message) {
      const first = post([{ ...message, flags: message.flags | NLM_F_REQUEST }])
      for (;;) {
        const received = receive().find((one) => one.sequence === first)
        if (received) return received.type === NLMSG_ERROR ? decodeAnswer(received).errno : received
      }
    },
    dump(message) {
      for (let tries = 0; tries < DUMP_TRIES; tries++) {
        const list = dumpOnce(message)
        if (list) return list
      }
      return fail('unavailable', 'netlink: the table changed during each of ten attempts to list it')
    },
    [Symbol.dispose]: () => closeSync(fd),
  }
}

/** Throws what the kernel answered, unless that was success or one of `tolerated`. */
export function refuse(answer: Answer, about: string, tolerated: readonly number[] = []): void {
  if (answer.errno === 0 || tolerated.includes(answer.errno)) return
  throw kernelError('netlink', answer.errno, about, answer.detail)
}

/**
 * Reads until every message that asked for an acknowledgement has one. An nf_tables batch asks
 * with its last message only, and is refused as a whole in the name of its first.
 */
function collectAnswers(messages: readonly Message[], first: number, receive: () => Received[]): Answer[] {
  const answers: Answer[] = messages.map(() => ({ errno: 0, detail: '' }))
  const open = new Set(messages.flatMap(({ flags }, at) => (flags & NLM_F_ACK ? [at] : [])))
  while (open.size > 0) {
    for (const received of receive()) {
      const at = received.sequence - first
      if (received.type !== NLMSG_ERROR || at < 0 || at >= messages.length) continue
      const answer = decodeAnswer(received)
      answers[at] = answer
      if (!open.delete(at) && at === 0 && answer.errno !== 0) open.clear()
    }
  }
  return answers
}

function decodeAnswer({ payload, flags }: Received): Answer {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  const errno = -view.getInt32(0, true)
  if (!(flags & NLM_F_ACK_TLVS)) return { errno, detail: '' }
  const echoed = flags & NLM_F_CAPPED ? HEADER : (view.getUint32(4, true) + 3) & ~3
  const text = decodeAttributes(payload.subarray(4 + echoed)).get(NLMSGERR_ATTR_MSG)
  return { errno, detail: text ? textOf(text) : '' }
}
