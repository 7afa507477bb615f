import { isErrno } from '#sys'
import { formatAddress } from './address.ts'
import {
  be16,
  decodeAttributes,
  joined,
  NLM_F_ACK,
  NLM_F_REQUEST,
  u32,
  type Attribute,
  type Message,
  type NetlinkConnection,
} from './netlink.ts'
import type { Published } from './published.ts'

/**
 * A UDP client that keeps on sending keeps its entry in the kernel's connection table, and with
 * it the way that its first packet took: to nobody before a port was published, to a container
 * that is gone after. Both are forgotten, so that the next packet is looked up anew.
 * (linux/netfilter/nfnetlink_conntrack.h)
 */
const GET = (1 << 8) | 1
const DELETE = (1 << 8) | 2
const CTA_TUPLE_ORIG = 1
const CTA_TUPLE_REPLY = 2
const CTA_STATUS = 3
const CTA_ID = 12
const CTA_ZONE = 18
const CTA_FILTER = 25
const TUPLE_IP = 1
const TUPLE_PROTO = 2
const PROTO_NUMBER = 1
const SOURCE_PORT = 2
const DESTINATION_PORT = 3
const IP_SOURCE = { 4: 1, 16: 3 } as const
const ORIG_FLAGS = 1
const REPLY_FLAGS = 2
const BY_SOURCE = 1
const BY_PROTOCOL = 8
const BY_SOURCE_PORT = 16
const BY_DESTINATION_PORT = 32
const SEEN_REPLY = 2
const UDP = 17
const AF_INET = 2
const AF_INET6 = 10

/** Forgets clients of ports just published whom nobody has answered yet. */
export function forgetUnanswered(socket: NetlinkConnection, published: readonly Published[]): void {
  for (const { port, element } of datagrams(published)) {
    const tuple: Attribute[] = [[TUPLE_PROTO, [protocol, [DESTINATION_PORT, be16(port.hostPort)]]]]
    const query: Query = { tuple: CTA_TUPLE_ORIG, attributes: tuple, flags: BY_PROTOCOL | BY_DESTINATION_PORT }
    forget(socket, familyOf(element.data), query, (entry) => {
      const ports = protocolOf(entry.get(CTA_TUPLE_ORIG))
      const status = entry.get(CTA_STATUS)
      return portOf(ports.get(DESTINATION_PORT)) === port.hostPort && ((status?.[3] ?? 0) & SEEN_REPLY) === 0
    })
  }
}

/** Forgets clients of ports just withdrawn. */
export function forgetClientsOf(socket: NetlinkConnection, published: readonly Published[]): void {
  for (const { port, element } of datagrams(published)) {
    const address = element.data?.slice(0, familyOf(element.data) === AF_INET ? 4 : 16) ?? new Uint8Array(4)
    const source = address.length === 4 ? IP_SOURCE[4] : IP_SOURCE[16]
    const tuple: Attribute[] = [
      [TUPLE_IP, [[source, address]]],
      [TUPLE_PROTO, [protocol, [SOURCE_PORT, be16(port.containerPort)]]],
    ]
    const query: Query = { tuple: CTA_TUPLE_REPLY, attributes: tuple, flags: BY_SOURCE | BY_PROTOCOL | BY_SOURCE_PORT }
    forget(socket, familyOf(element.data), query, (entry) => {
      const reply = entry.get(CTA_TUPLE_REPLY)
      const from = reply && decodeAttributes(decodeAttributes(reply).get(TUPLE_IP) ?? new Uint8Array()).get(source)
      const matches = from !== undefined && formatAddress(from) === formatAddress(address)
      return matches && portOf(protocolOf(reply).get(SOURCE_PORT)) === port.containerPort
    })
  }
}

interface Query {
  readonly tuple: number
  readonly attributes: readonly Attribute[]
  readonly flags: number
}

type Entry = Map<number, Uint8Array>

const protocol: Attribute = [PROTO_NUMBER, Uint8Array.of(UDP)]

/** Deletes the entries that match; `matches` decides again, for kernels that do not filter. */
function forget(socket: NetlinkConnection, family: number, query: Query, matches: (entry: Entry) => boolean): void {
  const side = query.tuple === CTA_TUPLE_ORIG ? ORIG_FLAGS : REPLY_FLAGS
  const other = query.tuple === CTA_TUPLE_ORIG ? REPLY_FLAGS : ORIG_FLAGS
  const filter: Attribute[] = [
    [side, u32(query.flags)],
    [other, u32(0)],
  ]
  const attributes: Attribute[] = [
    [query.tuple, query.attributes],
    [CTA_FILTER, filter],
  ]
  const entries = list(socket, message(GET, 0, family, attributes))
  const deletions = entries
    .filter((entry) => isUdp(entry) && matches(entry))
    .map((entry) => {
      const identity = [CTA_TUPLE_ORIG, CTA_ID, CTA_ZONE].flatMap((type): Attribute[] => {
        const value = entry.get(type)
        return value ? [[type, value]] : []
      })
      return message(DELETE, NLM_F_ACK, family, identity)
    })
  // An entry that timed out meanwhile is as good as deleted.
  socket.transact(deletions)
}

/** Nothing on a kernel without this part (nf_conntrack_netlink): then such clients have to wait for their timeout. */
function list(socket: NetlinkConnection, query: Message): Entry[] {
  try {
    return socket.dump(query).map(({ payload }) => decodeAttributes(payload.subarray(4)))
  } catch (error) {
    if (isErrno(error, 'EINVAL', 'EOPNOTSUPP')) return []
    throw error
  }
}

function datagrams(published: readonly Published[]): readonly Published[] {
  return published.filter(({ port }) => port.protocol === 'udp')
}

function isUdp(entry: Entry): boolean {
  return protocolOf(entry.get(CTA_TUPLE_ORIG)).get(PROTO_NUMBER)?.[0] === UDP
}

function protocolOf(tuple: Uint8Array | undefined): Entry {
  const nested = tuple && decodeAttributes(tuple).get(TUPLE_PROTO)
  return nested ? decodeAttributes(nested) : new Map()
}

function portOf(bytes: Uint8Array | undefined): number {
  return bytes ? ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0) : 0
}

/** A map's value is address and port, each padded to four bytes. */
function familyOf(data: Uint8Array | undefined): number {
  return data && data.length > 8 ? AF_INET6 : AF_INET
}

function message(type: number, flags: number, family: number, attributes: readonly Attribute[]): Message {
  return { type, flags: NLM_F_REQUEST | flags, header: joined(Uint8Array.of(family, 0), be16(0)), attributes }
}
