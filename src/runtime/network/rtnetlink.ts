import { utf8 } from '#base'
import type { Address, Cidr } from './address.ts'
import {
  cstr,
  decodeAttributes,
  encodeAttributes,
  joined,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  NLM_F_REQUEST,
  textOf,
  u32,
  u8,
  type Attribute,
  type Message,
  type NetlinkConnection,
  type Received,
} from './netlink.ts'

/** Links, addresses, neighbours and routes: rtnetlink(7) messages as plain data. */

const RTM_NEWLINK = 16
const RTM_DELLINK = 17
const RTM_GETLINK = 18
const RTM_NEWADDR = 20
const RTM_NEWROUTE = 24
const RTM_GETROUTE = 26
const RTM_NEWNEIGH = 28
const IFF_UP = 1
const IFLA_ADDRESS = 1
const IFLA_IFNAME = 3
const IFLA_MTU = 4
const IFLA_MASTER = 10
const IFLA_OPERSTATE = 16
const IF_OPER_UP = 6
const IFLA_LINKINFO = 18
const IFLA_IFALIAS = 20
const IFLA_AF_SPEC = 26
const IFLA_INET6_ADDR_GEN_MODE = 8
const IN6_ADDR_GEN_MODE_NONE = 1
const IFLA_NET_NS_FD = 28
const IFLA_EXT_MASK = 29
const RTEXT_FILTER_SKIP_STATS = 8
const IFLA_INFO_KIND = 1
const IFLA_INFO_DATA = 2
const IFLA_INFO_SLAVE_DATA = 5
const VETH_INFO_PEER = 1
const IFLA_BRPORT_MODE = 4
const IFA_ADDRESS = 1
const IFA_LOCAL = 2
const IFA_BROADCAST = 4
const IFA_F_NODAD = 2
const RTA_DST = 1
const RTA_OIF = 4
const RTA_GATEWAY = 5
const RT_TABLE_MAIN = 254
const RTPROT_BOOT = 3
const RTN_UNICAST = 1
const NDA_DST = 1
const NDA_LLADDR = 2
const NUD_STALE = 4
const AF_UNSPEC = 0
const AF_INET = 2
const AF_INET6 = 10
const CHANGE = NLM_F_REQUEST | NLM_F_ACK

/** Milliseconds: by then the announcement is overdue and the container had better start. */
const SETTLE_TRIES = 100

const NOTHING = new Uint8Array()

/** The loopback interface is the first in every network namespace. */
export const LOOPBACK_INDEX = 1

/** A MAC address, 6 bytes. */
export type Mac = Uint8Array

export interface Link {
  readonly index: number
  readonly name: string
  readonly mtu: number
  readonly up: boolean
  /** It has a carrier, and whatever is built on it has been told. */
  readonly running: boolean
  /** `bridge`, `veth` …; empty for hardware. */
  readonly kind: string
}

export interface Route {
  /** Undefined for a default route. */
  readonly destination: Cidr | undefined
  readonly interfaceIndex: number
}

/** A bridge, down. */
export function newBridge(name: string, options: { readonly mac: Mac; readonly mtu?: number }): Message {
  return change(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, linkHeader(0, 0), [
    // Set by hand: otherwise a bridge takes the lowest address of its ports, and changes it as they come and go.
    [IFLA_ADDRESS, options.mac],
    ...mtuOf(options.mtu),
    [IFLA_IFNAME, cstr(name)],
    [IFLA_LINKINFO, [[IFLA_INFO_KIND, utf8('bridge')]]],
  ])
}

export interface VethOptions {
  readonly name: string
  readonly bridgeIndex: number
  readonly mtu?: number
  /** What `ip link` shows beside the name. */
  readonly alias: string
  readonly peer: { readonly name: string; readonly mac: Mac; readonly netnsFd: number }
}

/** A veth pair, down: one end in a bridge, the other already in its namespace. */
export function newVeth({ name, bridgeIndex, mtu, alias, peer }: VethOptions): Message {
  const peerAttributes: Attribute[] = [
    [IFLA_ADDRESS, peer.mac],
    ...mtuOf(mtu),
    [IFLA_IFNAME, cstr(peer.name)],
    [IFLA_NET_NS_FD, u32(peer.netnsFd)],
  ]
  const peerInfo = joined(linkHeader(0, 0), encodeAttributes(peerAttributes))
  const info: Attribute[] = [
    [IFLA_INFO_KIND, utf8('veth')],
    [IFLA_INFO_DATA, [[VETH_INFO_PEER, peerInfo]]],
  ]
  return change(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, linkHeader(0, 0), [
    ...mtuOf(mtu),
    [IFLA_MASTER, u32(bridgeIndex)],
    [IFLA_IFNAME, cstr(name)],
    [IFLA_IFALIAS, cstr(alias)],
    [IFLA_LINKINFO, info],
  ])
}

/**
 * Raises a bridge's end of a pair. Hairpin lets the bridge send a frame back where it came from:
 * a container that calls its own published port. A port needs no IPv6 address of its own.
 */
export function raisePort(name: string): Message {
  return change(RTM_NEWLINK, 0, linkHeader(0, IFF_UP), [
    [IFLA_IFNAME, cstr(name)],
    [IFLA_LINKINFO, [[IFLA_INFO_SLAVE_DATA, [[IFLA_BRPORT_MODE, u8(1)]]]]],
    [IFLA_AF_SPEC, [[AF_INET6, [[IFLA_INET6_ADDR_GEN_MODE, u8(IN6_ADDR_GEN_MODE_NONE)]]]]],
  ])
}

export function setUp(index: number): Message {
  return change(RTM_NEWLINK, 0, linkHeader(index, IFF_UP), [])
}

export function deleteLink(name: string): Message {
  return change(RTM_DELLINK, 0, linkHeader(0, 0, 0), [[IFLA_IFNAME, cstr(name)]])
}

/** An address that may be used at once: nobody else on our own bridge has it, so no duplicate detection. */
export function newAddress(index: number, address: Address, prefix: number, broadcast?: Address): Message {
  const ipv6 = address.length === 16
  const header = joined(Uint8Array.of(family(address), prefix, ipv6 ? IFA_F_NODAD : 0, 0), u32(index))
  const attributes: Attribute[] = [
    [IFA_LOCAL, address],
    [IFA_ADDRESS, address],
  ]
  if (broadcast) attributes.push([IFA_BROADCAST, broadcast])
  return change(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, header, attributes)
}

export function newDefaultRoute(gateway: Address): Message {
  const header = Uint8Array.of(family(gateway), 0, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, 0, RTN_UNICAST, 0, 0, 0, 0)
  return change(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, header, [[RTA_GATEWAY, gateway]])
}

/** Tells the host who has an address, so that one given out again is not sought at its last owner. */
export function replaceNeighbour(index: number, address: Address, mac: Mac): Message {
  const header = joined(Uint8Array.of(family(address), 0, 0, 0), u32(index), Uint8Array.of(NUD_STALE, 0, 0, 0))
  return change(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, header, [
    [NDA_DST, address],
    [NDA_LLADDR, mac],
  ])
}

export function findLink(socket: NetlinkConnection, name: string): Link | undefined {
  // Without the mask the kernel sums up counters for a tenth of a millisecond.
  const attributes: Attribute[] = [
    [IFLA_EXT_MASK, u32(RTEXT_FILTER_SKIP_STATS)],
    [IFLA_IFNAME, cstr(name)],
  ]
  const reply = socket.request({ type: RTM_GETLINK, flags: 0, header: linkHeader(0, 0, 0), attributes })
  return typeof reply === 'number' ? undefined : decodeLink(reply)
}

/**
 * Waits until a link carries packets. A carrier is announced later, by a worker that competes for
 * the kernel's network lock; what is sent before is lost, and a lost SYN costs a second. Asking
 * for the link announces it at once from Linux 6.8 on; before, it takes a moment.
 */
export function settle(socket: NetlinkConnection, name: string): void {
  for (let tries = 0; tries < SETTLE_TRIES; tries++) {
    if (findLink(socket, name)?.running !== false) return
    Bun.sleepSync(1)
  }
}

export function listLinks(socket: NetlinkConnection): Link[] {
  return socket.dump({ type: RTM_GETLINK, flags: 0, header: linkHeader(0, 0, 0), attributes: [] }).map(decodeLink)
}

/** The main table's routes of one family. */
export function listRoutes(socket: NetlinkConnection, ipv6: boolean): Route[] {
  const header = new Uint8Array(12)
  header[0] = ipv6 ? AF_INET6 : AF_INET
  const replies = socket.dump({ type: RTM_GETROUTE, flags: 0, header, attributes: [] })
  return replies.filter(({ payload }) => payload[4] === RT_TABLE_MAIN).map(decodeRoute)
}

function decodeLink({ payload }: Received): Link {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  const attributes = decodeAttributes(payload.subarray(16))
  const info = attributes.get(IFLA_LINKINFO)
  const mtu = attributes.get(IFLA_MTU)
  return {
    index: view.getInt32(4, true),
    name: textOf(attributes.get(IFLA_IFNAME) ?? NOTHING),
    mtu: mtu ? new DataView(mtu.buffer, mtu.byteOffset).getUint32(0, true) : 0,
    up: (view.getUint32(8, true) & IFF_UP) !== 0,
    running: attributes.get(IFLA_OPERSTATE)?.[0] === IF_OPER_UP,
    kind: info ? textOf(decodeAttributes(info).get(IFLA_INFO_KIND) ?? NOTHING) : '',
  }
}

function decodeRoute({ payload }: Received): Route {
  const attributes = decodeAttributes(payload.subarray(12))
  const base = attributes.get(RTA_DST)
  const index = attributes.get(RTA_OIF)
  return {
    destination: base ? { base: base.slice(), prefix: payload[1] ?? 0 } : undefined,
    interfaceIndex: index ? new DataView(index.buffer, index.byteOffset).getUint32(0, true) : 0,
  }
}

function change(type: number, flags: number, header: Uint8Array, attributes: readonly Attribute[]): Message {
  return { type, flags: CHANGE | flags, header, attributes }
}

/** struct ifinfomsg. */
function linkHeader(index: number, flags: number, mask: number = flags): Uint8Array {
  return joined(Uint8Array.of(AF_UNSPEC, 0, 0, 0), u32(index), u32(flags), u32(mask))
}

function mtuOf(mtu: number | undefined): Attribute[] {
  return mtu === undefined ? [] : [[IFLA_MTU, u32(mtu)]]
}

function family(address: Address): number {
  return address.length === 4 ? AF_INET : AF_INET6
}
