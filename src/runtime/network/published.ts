import { fail } from '#base'
import { equal, formatAddress, parseAddress } from './address.ts'
import { be16, refuse, type Answer, type Message, type NetlinkConnection } from './netlink.ts'
import {
  batch,
  concatenation,
  deleteElements,
  listElements,
  newElements,
  type Element,
  type TableRef,
} from './nftables.ts'
import { formatHostPort, portsConflict } from './portspec.ts'
import { commit } from './ruleset.ts'
import type { Endpoint, NetworkConfig, PortMapping } from './types.ts'

/** A published port as it stands in the table. */
export interface Published {
  readonly map: MapName
  readonly element: Element
  readonly port: PortMapping
  /** The container's id. */
  readonly owner: string
}

type MapName = 'dnat4' | 'dnat4ip' | 'dnat6' | 'dnat6ip'

const MAPS: readonly MapName[] = ['dnat4', 'dnat4ip', 'dnat6', 'dnat6ip']
/** Where a conflict hides that the map itself does not refuse: the same port on one address and on all. */
const OPPOSITE = { dnat4: 'dnat4ip', dnat4ip: 'dnat4', dnat6: 'dnat6ip', dnat6ip: 'dnat6' } as const
const PROTOCOLS = { tcp: 6, udp: 17, sctp: 132 } as const
const EEXIST = 17

/** Refuses what cannot be published as it was asked for. */
export function checkPublishable(network: NetworkConfig, endpoint: Endpoint): void {
  for (const port of endpoint.ports) {
    const what = `cannot publish ${formatHostPort(port)}`
    if (network.internal) {
      fail('failed_precondition', `${what}: network ${network.name} is internal`, {
        hint: 'leave out -p, or connect the container to a network that is not internal',
      })
    }
    if (port.hostIp === '::1') {
      fail('unimplemented', `${what}: Linux never routes ::1 to a container`, {
        hint: `publish on 127.0.0.1 instead: -p 127.0.0.1:${port.hostPort}:${port.containerPort}`,
      })
    }
    if (targets(port, endpoint).length === 0) {
      const family = port.hostIp.includes(':') ? 'IPv6' : 'IPv4'
      fail('failed_precondition', `${what}: network ${network.name} has no ${family} subnet`)
    }
  }
}

/** The elements that publish an endpoint's ports. */
export function elementsOf(endpoint: Endpoint): Published[] {
  const owner = endpoint.containerId
  return endpoint.ports.flatMap((port) =>
    targets(port, endpoint).map((address): Published => {
      const wildcard = port.hostIp === '' || port.hostIp === '0.0.0.0' || port.hostIp === '::'
      const map: MapName = `dnat${address.length === 4 ? 4 : 6}${wildcard ? '' : 'ip'}`
      const service = [Uint8Array.of(PROTOCOLS[port.protocol]), be16(port.hostPort)]
      const key = concatenation(...(wildcard ? [] : [parseAddress(port.hostIp)]), ...service)
      const data = concatenation(address, be16(port.containerPort))
      return { map, element: { key, data, comment: owner }, port, owner }
    }),
  )
}

/** Publishes all or nothing; what the owner has published already stays. Errors: `already_exists` with the owner of the port. */
export function publish(
  socket: NetlinkConnection,
  ref: TableRef,
  wanted: readonly Published[],
  nameOf: (id: string) => string | undefined,
): void {
  if (wanted.length === 0) return
  const opposite = MAPS.filter((map) => wanted.some((one) => OPPOSITE[one.map] === map))
  if (overlapping(listPublished(socket, ref, opposite), wanted).length === 0) {
    const answers = socket.transact(batch(additions(ref, wanted)))
    if (!answers.some(({ errno }) => errno === EEXIST)) return refuseAll(answers, ref)
  }
  const present = listPublished(socket, ref)
  const missing = wanted.filter((one) => !present.some((other) => samePublished(one, other)))
  for (const one of missing) {
    const [clash] = overlapping(present, [one])
    if (clash) allocated(one.port, `container ${nameOf(clash.owner) ?? clash.owner.slice(0, 12)}`)
  }
  // What the same container left behind when it had another address.
  const stale = present.filter((one) => missing.some(({ port }) => portsConflict(port, one.port)))
  if (missing.length > 0) refuseAll(socket.transact(batch([...removals(ref, stale), ...additions(ref, missing)])), ref)
}

function refuseAll(answers: readonly Answer[], ref: TableRef): void {
  for (const answer of answers) refuse(answer, `publishing ports in table ${ref.table}`)
}

/** Those of others that stand in the way. */
function overlapping(present: readonly Published[], wanted: readonly Published[]): Published[] {
  return present.filter((one) =>
    wanted.some((other) => other.owner !== one.owner && portsConflict(other.port, one.port)),
  )
}

export function listPublished(socket: NetlinkConnection, ref: TableRef, maps: readonly MapName[] = MAPS): Published[] {
  return maps.flatMap((map) => listElements(socket, ref, map).map((element) => decode(map, element)))
}

/** Removes elements that `listPublished` answered. */
export function unpublish(socket: NetlinkConnection, ref: TableRef, published: readonly Published[]): void {
  if (published.length > 0) commit(socket, removals(ref, published), `unpublishing ports in table ${ref.table}`)
}

function additions(ref: TableRef, published: readonly Published[]): Message[] {
  return grouped(published, (map, elements) => newElements(ref, map, elements, true))
}

function removals(ref: TableRef, published: readonly Published[]): Message[] {
  const keys = (elements: readonly Element[]): Element[] => elements.map(({ key }) => ({ key }))
  return grouped(published, (map, elements) => deleteElements(ref, map, keys(elements)))
}

/** The same port of the same container going to the same place. */
export function samePublished(a: Published, b: Published): boolean {
  const [to, other] = [a.element.data, b.element.data]
  return (
    a.map === b.map && a.owner === b.owner && equal(a.element.key, b.element.key) && !!to && !!other && equal(to, other)
  )
}

function grouped<T>(list: readonly Published[], make: (map: MapName, elements: Element[]) => T): T[] {
  return MAPS.flatMap((map) => {
    const elements = list.filter((one) => one.map === map).map(({ element }) => element)
    return elements.length === 0 ? [] : [make(map, elements)]
  })
}

/** The container's addresses that a port leads to: of both families when no host address was given. */
function targets({ hostIp }: PortMapping, { ipv4, ipv6 }: Endpoint): Uint8Array[] {
  const texts = [hostIp.includes(':') ? undefined : ipv4, hostIp === '' || hostIp.includes(':') ? ipv6 : undefined]
  return texts.flatMap((text) => (text === undefined ? [] : [parseAddress(text)]))
}

function decode(map: MapName, element: Element): Published {
  const { key, data = new Uint8Array() } = element
  const addressBytes = map === 'dnat4ip' ? 4 : map === 'dnat6ip' ? 16 : 0
  const ipv6 = map.startsWith('dnat6')
  const number = key[addressBytes]
  const protocol = number === PROTOCOLS.udp ? 'udp' : number === PROTOCOLS.sctp ? 'sctp' : 'tcp'
  const hostIp = addressBytes > 0 ? formatAddress(key.subarray(0, addressBytes)) : ipv6 ? '::' : '0.0.0.0'
  const port = {
    hostIp,
    hostPort: portAt(key, addressBytes + 4),
    containerPort: portAt(data, ipv6 ? 16 : 4),
    protocol,
  } as const
  return { map, element, port, owner: element.comment ?? '' }
}

function portAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
}

function allocated(port: PortMapping | undefined, by: string): never {
  return fail('already_exists', `port ${port ? formatHostPort(port) : ''} is already allocated by ${by}`, {
    hint: 'publish another host port, or stop that container',
  })
}
