import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inNetns } from '#sys'
import { parseAddress } from './address.ts'
import { createNetworkDriver } from './driver.ts'
import { NETLINK_NETFILTER, NETLINK_ROUTE, openNetlink, refuse, type NetlinkConnection } from './netlink.ts'
import { createNetns, type Netns } from './netns.ts'
import { listElements, type TableRef } from './nftables.ts'
import { findLink, listLinks, newAddress, newDefaultRoute, newVeth, setUp } from './rtnetlink.ts'
import type { Endpoint, NetworkConfig, NetworkDriver, PortMapping } from './types.ts'

/**
 * What this room's tests stand on. Everything happens in namespaces of its own: `host` plays
 * this machine (203.0.113.1, 2001:db8::1), `outside` another one on its wire (…2), and each
 * container has one more. Nothing is left when the lab is closed.
 */
export interface Lab extends Disposable {
  readonly host: Netns
  readonly outside: Netns
  readonly driver: NetworkDriver
  /** The driver's directory, and a place for files. */
  readonly run: string
  onHost<T>(work: () => T): T
  /** A container's namespace, connected. */
  container(network: NetworkConfig, id: string, address: number, ports?: readonly PortMapping[]): Netns
  disconnect(network: NetworkConfig, id: string, address: number, ports: readonly PortMapping[]): void
  /** Answers every connection and datagram with its own name and who asked. */
  serve(place: Netns, name: string, port: number, address?: string): Promise<void>
  /** How many elements a set of the driver's table has. */
  elements(set: string): number
  hostLinks(): string[]
  /** Runs a script in another process on the host; `driver`, `createNetns` and `argument` are there for it. */
  otherProcess(script: string, argument: unknown): Bun.Subprocess<'ignore', 'pipe', 'inherit'>
}

/** How long an answer may take before it counts as dropped; a local one takes less than a millisecond. */
export const SILENCE_MS = 250

export const front: NetworkConfig = {
  id: 'front',
  name: 'front',
  bridge: 'ctest0',
  subnets: [
    { subnet: '10.88.0.0/16', gateway: '10.88.0.1' },
    { subnet: 'fd00:88::/64', gateway: 'fd00:88::1' },
  ],
}
export const back: NetworkConfig = {
  id: 'back',
  name: 'back',
  bridge: 'ctest1',
  subnets: [{ subnet: '10.89.0.0/24', gateway: '10.89.0.1' }],
  mtu: 1400,
}
export const closed: NetworkConfig = {
  id: 'closed',
  name: 'closed',
  bridge: 'ctest2',
  subnets: [{ subnet: '10.90.0.0/24', gateway: '10.90.0.1' }],
  internal: true,
}
export const table: TableRef = { family: 'inet', table: 'cairntest' }

export function within<T>(place: Netns, work: () => T): T {
  return inNetns(place.fd, work)
}

export function endpoint(
  network: NetworkConfig,
  id: string,
  address: number,
  ports: readonly PortMapping[] = [],
): Endpoint {
  const [ipv4, ipv6] = network.subnets.map(({ gateway }) => gateway.replace(/1$/, `${address}`))
  return { containerId: id, ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }), interfaceName: 'eth0', ports }
}

/** Published on every address and leading to container port 80, unless said otherwise. */
export function port(hostPort: number, protocol: 'tcp' | 'udp' = 'tcp', hostIp = ''): PortMapping {
  return { hostIp, hostPort, containerPort: 80, protocol }
}

/** What a client in `place` gets: the server's text, `refused` or `silence`. */
export async function ask(place: Netns, address: string, number: number, protocol = 'tcp'): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const timer = setTimeout(() => resolve('silence'), SILENCE_MS)
  const data = (_: unknown, bytes: Buffer): void => resolve(bytes.toString())
  const refused = (): void => resolve('refused')
  const family = address.includes(':') ? '::' : '0.0.0.0'
  const to = { hostname: address, port: number }
  const open: Promise<(() => void) | void> = within(place, () =>
    protocol === 'udp'
      ? Bun.udpSocket({ hostname: family, connect: to, socket: { data, error: refused } }).then((socket) => {
          socket.send('?')
          return () => socket.close()
        })
      : Bun.connect({ ...to, socket: { data, connectError: refused } }).then(
          (socket) => () => socket.terminate(),
          refused,
        ),
  )
  const answer = await promise
  clearTimeout(timer)
  void open.then((close) => close?.())
  return answer
}

/** The networks are made already. `nameOf` is the driver's. */
export function openLab(networks: readonly NetworkConfig[], nameOf?: (id: string) => string | undefined): Lab {
  const [host, outside] = [createNetns(), createNetns()]
  const run = mkdtempSync(join(tmpdir(), 'cairn-network-'))
  const driver = createNetworkDriver({ run, table: table.table, ...(nameOf && { nameOf }) })
  const closers: (() => void)[] = []
  const onHost = <T>(work: () => T): T => within(host, work)
  onHost(() => networks.forEach((network) => driver.ensure(network)))
  // After the bridges: where both ends of a pair have one index, the kernel is slow to notice the carrier.
  connectOutside(host, outside)
  return {
    host,
    outside,
    run,
    driver,
    onHost,
    container(network, id, address, ports) {
      const netns = createNetns()
      closers.push(() => netns[Symbol.dispose]())
      onHost(() => driver.connect(netns, network, endpoint(network, id, address, ports)))
      return netns
    },
    disconnect: (network, id, address, ports) =>
      onHost(() => driver.disconnect(network, endpoint(network, id, address, ports))),
    async serve(place, name, number, address = '::') {
      const servers = within(place, () => serveBoth(name, number, address))
      const udp = await servers.udp
      closers.push(() => (servers.tcp.stop(true), udp.close()))
    },
    elements: (set) => onHost(() => withSocket(NETLINK_NETFILTER, (nft) => listElements(nft, table, set).length)),
    hostLinks: () => onHost(() => withSocket(NETLINK_ROUTE, (route) => listLinks(route).map(({ name }) => name))),
    otherProcess: (script, argument) => onHost(() => spawnScript(run, script, argument)),
    [Symbol.dispose]() {
      for (const close of closers.reverse()) close()
      for (const netns of [host, outside]) netns[Symbol.dispose]()
      rmSync(run, { recursive: true, force: true })
    },
  }
}

function withSocket<T>(protocol: number, work: (socket: NetlinkConnection) => T): T {
  using socket = openNetlink(protocol)
  return work(socket)
}

function serveBoth(name: string, number: number, hostname: string): ServerPair {
  const greeting = (address: string): string => `${name} saw ${address.replace('::ffff:', '')}`
  const tcp = Bun.listen({
    hostname,
    port: number,
    socket: { open: (socket) => void socket.end(greeting(socket.remoteAddress)), data: () => undefined },
  })
  const udp = Bun.udpSocket({
    hostname,
    port: number,
    socket: {
      data: (socket, _, from, address) => void socket.send(greeting(address), from, address),
      error: () => undefined, // a client that has left
    },
  })
  return { tcp, udp }
}

interface ServerPair {
  readonly tcp: Bun.TCPSocketListener<undefined>
  readonly udp: Promise<Bun.udp.Socket<'buffer'>>
}

function connectOutside(host: Netns, outside: Netns): void {
  within(host, () =>
    withSocket(NETLINK_ROUTE, (route) => {
      const peer = { name: 'eth0', mac: Uint8Array.of(2, 0, 0, 0, 0, 9), netnsFd: outside.fd }
      const wire = newVeth({ name: 'wan0', bridgeIndex: 0, alias: 'wire', peer })
      for (const answer of route.transact([wire])) refuse(answer, 'wire')
      give(route, 'wan0', '203.0.113.1', '2001:db8::1')
    }),
  )
  within(outside, () =>
    withSocket(NETLINK_ROUTE, (route) => {
      give(route, 'eth0', '203.0.113.2', '2001:db8::2')
      // Knows the way to the containers, as a hostile neighbour might.
      const routes = ['203.0.113.1', '2001:db8::1'].map((gateway) => newDefaultRoute(parseAddress(gateway)))
      for (const answer of route.transact(routes)) refuse(answer, 'default route')
    }),
  )
}

function give(route: NetlinkConnection, name: string, ipv4: string, ipv6: string): void {
  const index = findLink(route, name)?.index ?? 0
  const addresses = [newAddress(index, parseAddress(ipv4), 24), newAddress(index, parseAddress(ipv6), 64)]
  for (const answer of route.transact([...addresses, setUp(index)])) refuse(answer, name)
}

function spawnScript(run: string, script: string, argument: unknown): Bun.Subprocess<'ignore', 'pipe', 'inherit'> {
  const prelude = `
    import { createNetworkDriver } from ${JSON.stringify(join(import.meta.dir, 'driver.ts'))}
    import { createNetns } from ${JSON.stringify(join(import.meta.dir, 'netns.ts'))}
    const driver = createNetworkDriver({ run: ${JSON.stringify(run)}, table: ${JSON.stringify(table.table)} })
    const argument = JSON.parse(process.argv.at(-1))
  `
  const file = join(run, `${crypto.randomUUID()}.ts`)
  writeFileSync(file, prelude + script)
  return Bun.spawn([process.execPath, file, JSON.stringify(argument)], {
    cwd: join(import.meta.dir, '../../..'),
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'inherit',
  })
}
