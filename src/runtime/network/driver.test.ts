import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inNetns } from '#sys'
import { parseAddress } from './address.ts'
import { createNetworkDriver } from './driver.ts'
import { compare, meta, R1, verdict } from './expressions.ts'
import { NETLINK_NETFILTER, NETLINK_ROUTE, openNetlink, refuse } from './netlink.ts'
import { createNetns, type Netns } from './netns.ts'
import { deleteTable, listElements, listRules, nameKey, newChain, newElements, newRule, newTable } from './nftables.ts'
import { findLink, listLinks, newAddress, newDefaultRoute, newVeth, setUp } from './rtnetlink.ts'
import { commit, tableMessages } from './ruleset.ts'
import { readSysctl } from './sysctl.ts'
import type { Endpoint, NetworkConfig, NetworkDriver, PortMapping } from './types.ts'

/**
 * Everything happens in namespaces of its own: `host` plays this machine, `outside` another one
 * on its wire (203.0.113.0/24), and each container has one more.
 */
const root = process.getuid?.() === 0
const hasTool = (name: string): boolean => Bun.which(name) !== null
/** How long an answer may take before it counts as dropped; a local one takes less than a millisecond. */
const SILENCE_MS = 250

const front: NetworkConfig = {
  id: 'front',
  name: 'front',
  bridge: 'ctest0',
  subnets: [
    { subnet: '10.88.0.0/16', gateway: '10.88.0.1' },
    { subnet: 'fd00:88::/64', gateway: 'fd00:88::1' },
  ],
}
const back: NetworkConfig = {
  id: 'back',
  name: 'back',
  bridge: 'ctest1',
  subnets: [{ subnet: '10.89.0.0/24', gateway: '10.89.0.1' }],
  mtu: 1400,
}
const closed: NetworkConfig = {
  id: 'closed',
  name: 'closed',
  bridge: 'ctest2',
  subnets: [{ subnet: '10.90.0.0/24', gateway: '10.90.0.1' }],
  internal: true,
}
const table = { family: 'inet', table: 'cairntest' } as const

let host: Netns
let outside: Netns
let run: string
let driver: NetworkDriver
const closers: Disposable[] = []

function within<T>(place: Netns, work: () => T): T {
  return inNetns(place.fd, work)
}

/** A container: its namespace, connected. */
function container(network: NetworkConfig, id: string, address: number, ports: PortMapping[] = []): Netns {
  const netns = createNetns()
  closers.push(netns)
  within(host, () => driver.connect(netns, network, endpoint(network, id, address, ports)))
  return netns
}

function endpoint(network: NetworkConfig, id: string, address: number, ports: PortMapping[] = []): Endpoint {
  const [ipv4, ipv6] = network.subnets.map(({ gateway }) => gateway.replace(/1$/, `${address}`))
  return { containerId: id, ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }), interfaceName: 'eth0', ports }
}

function port(hostPort: number, containerPort = 80, protocol: 'tcp' | 'udp' = 'tcp', hostIp = ''): PortMapping {
  return { hostIp, hostPort, containerPort, protocol }
}

/** Answers every connection and datagram with its own name and who asked. */
async function serve(place: Netns, name: string, number: number, address = '::'): Promise<void> {
  const tcp = within(place, () =>
    Bun.listen({
      hostname: address,
      port: number,
      socket: {
        open: (socket) => void socket.end(`${name} saw ${plain(socket.remoteAddress)}`),
        data: () => undefined,
      },
    }),
  )
  const udp = await within(place, () =>
    Bun.udpSocket({
      hostname: address,
      port: number,
      socket: {
        data: (socket, _, from, address) => void socket.send(`${name} saw ${plain(address)}`, from, address),
        error: () => undefined, // a client that has left
      },
    }),
  )
  closers.push({ [Symbol.dispose]: () => (tcp.stop(true), udp.close()) })
}

function plain(address: string): string {
  return address.replace('::ffff:', '')
}

/** What a client in `place` gets: the server's text, `refused` or `silence`. */
async function ask(place: Netns, address: string, number: number, protocol: 'tcp' | 'udp' = 'tcp'): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const timer = setTimeout(() => resolve('silence'), SILENCE_MS)
  const family = address.includes(':') ? '::' : '0.0.0.0'
  const socket =
    protocol === 'udp'
      ? within(place, () =>
          Bun.udpSocket({
            hostname: family,
            connect: { hostname: address, port: number },
            socket: { data: (_, bytes) => resolve(bytes.toString()), error: () => resolve('refused') },
          }).then((udp) => (udp.send('?'), { end: () => udp.close() })),
        )
      : within(place, () =>
          Bun.connect({
            hostname: address,
            port: number,
            socket: { data: (_, bytes) => resolve(bytes.toString()), connectError: () => resolve('refused') },
          }).catch(() => undefined),
        )
  const answer = await promise
  clearTimeout(timer)
  void socket.then((open) => open?.end())
  return answer
}

function connectOutside(): void {
  within(host, () => {
    using route = openNetlink(NETLINK_ROUTE)
    const peer = { name: 'eth0', mac: Uint8Array.of(2, 0, 0, 0, 0, 9), netnsFd: outside.fd }
    const wire = newVeth({ name: 'wan0', bridgeIndex: 0, alias: 'wire', peer })
    for (const answer of route.transact([wire])) refuse(answer, 'wire')
    give(route, 'wan0', '203.0.113.1', '2001:db8::1')
  })
  within(outside, () => {
    using route = openNetlink(NETLINK_ROUTE)
    give(route, 'eth0', '203.0.113.2', '2001:db8::2')
    // Knows the way to the containers, as a hostile neighbour might.
    const routes = ['203.0.113.1', '2001:db8::1'].map((gateway) => newDefaultRoute(parseAddress(gateway)))
    for (const answer of route.transact(routes)) refuse(answer, 'default route')
  })
}

function give(route: ReturnType<typeof openNetlink>, name: string, ipv4: string, ipv6: string): void {
  const index = findLink(route, name)?.index ?? 0
  const addresses = [newAddress(index, parseAddress(ipv4), 24), newAddress(index, parseAddress(ipv6), 64)]
  for (const answer of route.transact([...addresses, setUp(index)])) refuse(answer, name)
}

function elements(set: string): number {
  return within(host, () => {
    using nft = openNetlink(NETLINK_NETFILTER)
    return listElements(nft, table, set).length
  })
}

function hostLinks(): string[] {
  return within(host, () => {
    using route = openNetlink(NETLINK_ROUTE)
    return listLinks(route).map(({ name }) => name)
  })
}

/** Runs a script against the driver in another process on `host`; `argument` is its last. */
function otherProcess(script: string, argument: unknown): Bun.Subprocess<'ignore', 'pipe', 'inherit'> {
  const prelude = `
    import { createNetworkDriver } from ${JSON.stringify(join(import.meta.dir, 'driver.ts'))}
    import { createNetns } from ${JSON.stringify(join(import.meta.dir, 'netns.ts'))}
    const driver = createNetworkDriver({ run: ${JSON.stringify(run)}, table: 'cairntest' })
    const argument = JSON.parse(process.argv.at(-1))
  `
  const file = join(run, `script-${Math.random().toString(36).slice(2)}.ts`)
  writeFileSync(file, prelude + script)
  return within(host, () =>
    Bun.spawn([process.execPath, file, JSON.stringify(argument)], {
      cwd: join(import.meta.dir, '../../..'),
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'inherit',
    }),
  )
}

describe.skipIf(!root)('a bridge network (needs root)', () => {
  beforeAll(() => {
    host = createNetns()
    outside = createNetns()
    run = mkdtempSync(join(tmpdir(), 'cairn-network-'))
    driver = createNetworkDriver({ run, table: 'cairntest', nameOf: (id) => (id === 'web' ? 'the-web' : undefined) })
    within(host, () => {
      for (const network of [front, back, closed]) driver.ensure(network)
    })
    // After the bridges: where both ends of a pair have one index, the kernel is slow to notice the carrier.
    connectOutside()
  })
  afterAll(() => {
    for (const closer of closers.reverse()) closer[Symbol.dispose]()
    host[Symbol.dispose]()
    outside[Symbol.dispose]()
    rmSync(run, { recursive: true, force: true })
  })

  describe('traffic', () => {
    let web: Netns
    let peer: Netns
    let other: Netns
    let local: Netns
    beforeAll(async () => {
      const ports = [
        port(8080),
        port(8080, 80, 'udp'),
        port(8053, 80, 'tcp', '203.0.113.1'),
        port(8054, 80, 'tcp', '2001:db8::1'),
      ]
      web = container(front, 'web', 2, ports)
      peer = container(front, 'peer', 3)
      other = container(back, 'other', 4)
      local = container(front, 'local', 5, [port(8081, 80, 'tcp', '127.0.0.1')])
      await serve(web, 'web', 80)
      await serve(web, 'hidden', 81)
      await serve(peer, 'peer', 80)
      await serve(local, 'local', 80)
      await serve(other, 'other', 80, '0.0.0.0')
      await serve(outside, 'outside', 7000)
      await serve(host, 'host', 7001)
    })

    test.each(['tcp', 'udp'] as const)('a container reaches the outside behind the host: %s', async (protocol) => {
      expect(await ask(web, '203.0.113.2', 7000, protocol)).toBe('outside saw 203.0.113.1')
      expect(await ask(web, '2001:db8::2', 7000, protocol)).toBe('outside saw 2001:db8::1')
      expect(await ask(other, '203.0.113.2', 7000, protocol)).toBe('outside saw 203.0.113.1')
    })

    test.each(['tcp', 'udp'] as const)(
      'the outside reaches a published port and is seen as itself: %s',
      async (protocol) => {
        expect(await ask(outside, '203.0.113.1', 8080, protocol)).toBe('web saw 203.0.113.2')
        expect(await ask(outside, '2001:db8::1', 8080, protocol)).toBe('web saw 2001:db8::2')
      },
    )

    test.each(['tcp', 'udp'] as const)('the host reaches it by every address: %s', async (protocol) => {
      expect(await ask(host, '127.0.0.1', 8080, protocol)).toBe('web saw 10.88.0.1')
      expect(await ask(host, '203.0.113.1', 8080, protocol)).toStartWith('web saw ')
      expect(await ask(host, '10.88.0.1', 8080, protocol)).toBe('web saw 10.88.0.1')
      expect(await ask(host, '2001:db8::1', 8080, protocol)).toStartWith('web saw ')
      expect(await ask(host, '10.88.0.2', 80, protocol)).toBe('web saw 10.88.0.1')
      expect(await ask(host, 'fd00:88::2', 80, protocol)).toBe('web saw fd00:88::1')
    })

    test('[::1] refuses at once, so that localhost falls back to 127.0.0.1', async () => {
      expect(await ask(host, '::1', 8080)).toBe('refused')
    })

    test.each(['tcp', 'udp'] as const)('a container reaches its own published port: %s', async (protocol) => {
      expect(await ask(web, '203.0.113.1', 8080, protocol)).toBe('web saw 10.88.0.1')
      expect(await ask(web, '10.88.0.1', 8080, protocol)).toBe('web saw 10.88.0.1')
      expect(await ask(web, '2001:db8::1', 8080, protocol)).toBe('web saw fd00:88::1')
    })

    test('neighbours on a bridge see each other and each other’s published ports', async () => {
      expect(await ask(peer, '10.88.0.2', 81)).toBe('hidden saw 10.88.0.3')
      expect(await ask(peer, 'fd00:88::2', 81)).toBe('hidden saw fd00:88::3')
      expect(await ask(peer, '10.88.0.2', 81, 'udp')).toBe('hidden saw 10.88.0.3')
      expect(await ask(peer, '203.0.113.1', 8080)).toBe('web saw 10.88.0.1')
    })

    test('containers reach services of the host', async () => {
      expect(await ask(web, '10.88.0.1', 7001)).toBe('host saw 10.88.0.2')
    })

    test('networks are closed to each other, but for published ports', async () => {
      expect(await ask(other, '10.88.0.2', 80)).toBe('silence')
      expect(await ask(web, '10.89.0.4', 80)).toBe('silence')
      expect(await ask(other, '203.0.113.1', 8080)).toStartWith('web saw ')
    })

    test('what is not published is dropped, however it is addressed', async () => {
      expect(await ask(outside, '203.0.113.1', 81)).toBe('refused')
      for (const number of [80, 81]) {
        expect(await ask(outside, '10.88.0.2', number)).toBe('silence')
        expect(await ask(outside, 'fd00:88::2', number)).toBe('silence')
      }
      expect(await ask(outside, '10.88.0.2', 81, 'udp')).toBe('silence')
    })

    test('a port published on one address answers there alone', async () => {
      expect(await ask(outside, '203.0.113.1', 8053)).toBe('web saw 203.0.113.2')
      expect(await ask(outside, '2001:db8::1', 8054)).toBe('web saw 2001:db8::2')
      expect(await ask(host, '127.0.0.1', 8053)).toBe('refused')
      expect(await ask(host, '127.0.0.1', 8081)).toBe('local saw 10.88.0.1')
      expect(await ask(outside, '203.0.113.1', 8081)).toBe('refused')
      expect(await ask(web, '10.88.0.1', 8081)).toBe('refused')
    })

    test.skipIf(!hasTool('ip'))('127.0.0.1 cannot be reached from the wire (needs ip)', async () => {
      within(outside, () => {
        writeFileSync('/proc/sys/net/ipv4/conf/eth0/route_localnet', '1')
        for (const line of [
          'rule add pref 10 lookup 100',
          'route add 127.0.0.1/32 via 203.0.113.1 dev eth0 src 203.0.113.2 table 100',
          'rule del pref 0',
        ]) {
          expect(Bun.spawnSync(['ip', ...line.split(' ')], { stderr: 'inherit' }).exitCode).toBe(0)
        }
      })
      expect(await ask(outside, '127.0.0.1', 8081)).toBe('silence')
      within(outside, () => Bun.spawnSync(['ip', 'rule', 'add', 'pref', '0', 'lookup', 'local']))
    })
  })

  describe('inside a container', () => {
    test('loopback is up, the MTU is the network’s, advertisements are ignored', () => {
      const netns = container(back, 'mtu', 20)
      within(netns, () => {
        using route = openNetlink(NETLINK_ROUTE)
        expect(findLink(route, 'lo')?.up).toBe(true)
        expect(findLink(route, 'eth0')).toMatchObject({ mtu: 1400, up: true, kind: 'veth' })
        expect(readSysctl('ipv6/conf/eth0/accept_ra')).toBe('0')
      })
    })

    test('an internal network knows only itself', async () => {
      const [one, two] = [container(closed, 'one', 2), container(closed, 'two', 3)]
      await serve(two, 'two', 80, '0.0.0.0')
      expect(await ask(one, '10.90.0.3', 80)).toBe('two saw 10.90.0.2')
      expect(await ask(one, '203.0.113.2', 7000)).not.toStartWith('outside')
      expect(() => container(closed, 'three', 4, [port(9000)])).toThrow(
        'cannot publish 9000: network closed is internal',
      )
    })

    test('a second network leaves the first one’s way out', async () => {
      const netns = container(front, 'both', 30)
      within(host, () => driver.connect(netns, back, { ...endpoint(back, 'both', 30), interfaceName: 'eth1' }))
      expect(await ask(netns, '203.0.113.2', 7000)).toBe('outside saw 203.0.113.1')
      const neighbour = container(back, 'neighbour', 31)
      await serve(neighbour, 'neighbour', 80, '0.0.0.0')
      expect(await ask(netns, '10.89.0.31', 80)).toBe('neighbour saw 10.89.0.30')
    })

    test('a path serves as well as a descriptor, and a MAC address is taken', () => {
      const netns = createNetns()
      closers.push(netns)
      const wanted = { ...endpoint(front, 'path', 33), mac: '02:00:00:aa:bb:cc' }
      within(host, () => driver.connect({ path: netns.path }, front, wanted))
      const address = within(netns, () => Bun.spawnSync(['cat', '/proc/net/if_inet6']).stdout.toString())
      expect(address).toContain('fd000088000000000000000000000033')
      expect(() =>
        within(host, () => driver.connect(netns, front, { ...wanted, interfaceName: 'eth1', mac: '03:xx' })),
      ).toThrow('invalid MAC address "03:xx"')
    })
  })

  describe('ports', () => {
    test('a second publisher is told who has it', () => {
      const refused =
        (...ports: PortMapping[]): (() => void) =>
        () =>
          void container(front, 'second', 40, ports)
      expect(refused(port(8080))).toThrow('port 8080 is already allocated by container the-web')
      expect(refused(port(8080, 80, 'udp', '0.0.0.0'))).toThrow(
        'port 0.0.0.0:8080/udp is already allocated by container the-web',
      )
      expect(refused(port(8080, 80, 'tcp', '127.0.0.1'))).toThrow(
        'port 127.0.0.1:8080 is already allocated by container the-web',
      )
      expect(refused(port(8053, 80, 'tcp', '203.0.113.1'))).toThrow('port 203.0.113.1:8053 is already allocated')
      expect(refused(port(9900), port(8081))).toThrow('port 8081 is already allocated by container local')
      expect(elements('dnat4')).toBe(2)
      expect(refused(port(8053, 80, 'udp'))).not.toThrow()
      within(host, () => driver.disconnect(front, endpoint(front, 'second', 40, [port(8053, 80, 'udp')])))
    })

    test('a process of the host keeps its port', () => {
      using server = within(host, () =>
        Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } }),
      )
      expect(() => container(front, 'thief', 41, [port(server.port)])).toThrow(
        `port ${server.port} is already in use by a process on this host`,
      )
    })

    test('what cannot be published says so', () => {
      const refused =
        (network: NetworkConfig, hostIp: string): (() => void) =>
        () =>
          void container(network, 'x', 42, [port(9001, 80, 'tcp', hostIp)])
      expect(refused(front, '198.51.100.1')).toThrow('cannot publish on 198.51.100.1: this host has no such address')
      expect(refused(front, '::1')).toThrow('cannot publish [::1]:9001: Linux never routes ::1 to a container')
      expect(refused(back, '::')).toThrow('cannot publish [::]:9001: network back has no IPv6 subnet')
    })

    test('disconnecting frees the port, and may be repeated', async () => {
      const ports = [port(9100), port(9100, 80, 'udp', '203.0.113.1')]
      const netns = container(front, 'short', 43, ports)
      await serve(netns, 'short', 80)
      expect(await ask(outside, '203.0.113.1', 9100)).toBe('short saw 203.0.113.2')
      const before = elements('dnat4')
      for (let times = 0; times < 2; times++)
        within(host, () => driver.disconnect(front, endpoint(front, 'short', 43, ports)))
      expect(elements('dnat4')).toBe(before - 1)
      expect(await ask(outside, '203.0.113.1', 9100)).toBe('refused')
    })

    test('disconnecting takes nothing from the next owner', () => {
      container(front, 'heir', 44, [port(9101)])
      within(host, () => driver.disconnect(front, endpoint(front, 'late', 43, [port(9101)])))
      expect(() => container(front, 'third', 45, [port(9101)])).toThrow('already allocated by container heir')
    })

    test('a container that comes back with another address takes its ports along', async () => {
      container(front, 'moved', 80, [port(9160), port(9161)])
      const netns = container(front, 'moved', 81, [port(9160), port(9161)])
      await serve(netns, 'moved', 80)
      expect(await ask(outside, '203.0.113.1', 9160)).toBe('moved saw 203.0.113.2')
      within(host, () => driver.disconnect(front, endpoint(front, 'moved', 81, [port(9160), port(9161)])))
    })

    test('a UDP client that keeps sending follows the port from nobody to one container to the next', async () => {
      const answers: string[] = []
      let heard = Promise.withResolvers<void>()
      const client = await within(outside, () =>
        Bun.udpSocket({
          connect: { hostname: '203.0.113.1', port: 9150 },
          socket: {
            data: (_, bytes) => (answers.push(bytes.toString()), heard.resolve()),
            error: () => heard.resolve(),
          },
        }),
      )
      const sent = async (): Promise<void> => {
        heard = Promise.withResolvers()
        client.send('?')
        await Promise.race([heard.promise, Bun.sleep(SILENCE_MS)])
      }
      await sent()
      for (const [name, address] of [
        ['first', 47],
        ['second', 48],
      ] as const) {
        const netns = container(front, name, address, [port(9150, 80, 'udp')])
        await serve(netns, name, 80)
        await sent()
        within(host, () => driver.disconnect(front, endpoint(front, name, address, [port(9150, 80, 'udp')])))
      }
      client.close()
      expect(answers).toEqual(['first saw 203.0.113.2', 'second saw 203.0.113.2'])
    })

    test('republishing after the table lost them', () => {
      const mine = endpoint(front, 'lost', 46, [port(9102)])
      within(host, () => {
        driver.republish(front, mine)
        const before = elements('dnat4')
        driver.republish(front, mine)
        expect(elements('dnat4')).toBe(before)
        driver.disconnect(front, mine)
      })
    })
  })

  describe('failures and crashes', () => {
    const lasting = [
      endpoint(front, 'web', 2, [
        port(8080),
        port(8080, 80, 'udp'),
        port(8053, 80, 'tcp', '203.0.113.1'),
        port(8054, 80, 'tcp', '2001:db8::1'),
      ]),
      endpoint(front, 'local', 5, [port(8081, 80, 'tcp', '127.0.0.1')]),
      endpoint(front, 'heir', 44, [port(9101)]),
    ]

    test('a failed connect leaves nothing', () => {
      const netns = container(front, 'taken', 50)
      const [before, links] = [elements('dnat4'), hostLinks().length]
      const again = endpoint(front, 'again', 51, [port(9200)])
      expect(() => within(host, () => driver.connect(netns, front, again))).toThrow('EEXIST')
      const missing = { ...front, bridge: 'nobridge' }
      expect(() => within(host, () => driver.connect(netns, missing, again))).toThrow(
        'bridge nobridge of network front is missing',
      )
      expect([elements('dnat4'), hostLinks().length]).toEqual([before, links])
    })

    test('processes at once: each gets its own, one gets the contested port', async () => {
      const script = `
        driver.ensure(argument.network)
        const netns = createNetns()
        driver.connect(netns, argument.network, argument.endpoint)
        console.log('connected')
      `
      const racing: NetworkConfig = {
        ...back,
        id: 'racing',
        name: 'racing',
        bridge: 'ctest3',
        subnets: [{ subnet: '10.91.0.0/24', gateway: '10.91.0.1' }],
      }
      const children = [2, 3, 4, 5].map((number) => {
        const ports = number < 4 ? [port(9300)] : [port(9300 + number)]
        return otherProcess(
          script.replace('driver.connect', 'try { driver.connect') + '} catch (error) { console.log(error.code) }',
          {
            network: racing,
            endpoint: endpoint(racing, `racer${number}`, number, ports),
          },
        )
      })
      const said = await Promise.all(children.map((child) => new Response(child.stdout).text()))
      expect(said.map((text) => text.trim()).sort()).toEqual(['already_exists', 'connected', 'connected', 'connected'])
      await Promise.all(children.map((child) => child.exited))
      within(host, () => {
        driver.reconcile(lasting)
        driver.remove(racing)
      })
    })

    test('reconcile takes away what a killed process left, and nothing else', async () => {
      const alive = endpoint(front, 'alive', 60, [port(9400)])
      container(front, 'alive', 60, [port(9400)])
      const dead = endpoint(front, 'dead', 61, [port(9401), port(9401, 80, 'udp')])
      const child = otherProcess(
        `driver.connect(createNetns(), argument.network, argument.endpoint); console.log('up'); await new Promise(() => setInterval(() => {}, 1e6))`,
        { network: front, endpoint: dead },
      )
      for await (const _ of child.stdout) break
      child.kill('SIGKILL')
      await child.exited
      expect(within(host, () => driver.reconcile(() => [...lasting, alive]))).toBe(4)
      expect(within(host, () => driver.reconcile([...lasting, alive]))).toBe(0)
      expect(await ask(outside, '203.0.113.1', 8080)).toBe('web saw 203.0.113.2')
      container(front, 'next', 61, [port(9401)])
    })

    test('killed at any moment, the next process carries on', async () => {
      const churn: NetworkConfig = {
        ...back,
        id: 'churn',
        name: 'churn',
        bridge: 'ctest4',
        subnets: [{ subnet: '10.92.0.0/24', gateway: '10.92.0.1' }],
      }
      const script = `
        import { writeSync } from 'node:fs'
        for (;;) {
          writeSync(1, '.')
          driver.ensure(argument.network)
          writeSync(1, '.')
          using netns = createNetns()
          driver.connect(netns, argument.network, argument.endpoint)
          writeSync(1, '.')
          driver.disconnect(argument.network, argument.endpoint)
          writeSync(1, '.')
          driver.remove(argument.network)
        }
      `
      const mine = endpoint(churn, 'churner', 2, [port(9500)])
      for (let round = 1; round <= 8; round++) {
        const child = otherProcess(script, { network: churn, endpoint: mine })
        let steps = 0
        for await (const dots of child.stdout) if ((steps += dots.length) >= round) break
        child.kill('SIGKILL')
        await child.exited
        within(host, () => {
          driver.ensure(churn)
          using netns = createNetns()
          driver.connect(netns, churn, mine)
          driver.disconnect(churn, mine)
          driver.remove(churn)
        })
        expect(hostLinks()).not.toContain(churn.bridge)
      }
    })
  })

  describe('the host', () => {
    test('ensure makes again what somebody took away', () => {
      within(host, () => {
        writeFileSync('/proc/sys/net/ipv4/ip_forward', '0')
        driver.ensure(front)
        expect(readSysctl('ipv4/ip_forward')).toBe('1')
        using nft = openNetlink(NETLINK_NETFILTER)
        commit(nft, [deleteTable(table)], 'flush')
        driver.ensure(front)
        expect(listElements(nft, table, 'bridges').length).toBe(1)
        for (const network of [back, closed]) driver.ensure(network)
        expect(listElements(nft, table, 'bridges').length).toBe(3)
      })
    })

    test('another version’s table is replaced with its elements kept', () => {
      within(host, () => {
        using nft = openNetlink(NETLINK_NETFILTER)
        const old = { family: 'inet', table: 'cairnold' } as const
        const messages = tableMessages(old).map((message, at) => (at === 0 ? newTable(old, 'cairn rules 0') : message))
        commit(nft, [...messages, newElements(old, 'bridges', [{ key: nameKey('ctest9') }])], 'old table')
        createNetworkDriver({ run, table: 'cairnold' }).ensure(front)
        const names = listElements(nft, old, 'bridges').map(({ key }) =>
          new TextDecoder().decode(key).replace(/\0.*/, ''),
        )
        expect(names.sort()).toEqual(['ctest0', 'ctest9'])
        commit(nft, [deleteTable(old)], 'old table')
      })
    })

    test('listening to router advertisements survives forwarding', () => {
      using lab = createNetns()
      within(lab, () => {
        writeFileSync('/proc/sys/net/ipv6/conf/default/accept_ra', '1')
        createNetworkDriver({ run, table: 'cairntest' }).ensure(front)
        expect(readSysctl('ipv6/conf/default/accept_ra')).toBe('2')
        expect(readSysctl('ipv6/conf/all/forwarding')).toBe('1')
      })
    })

    test('Docker’s dropped FORWARD gets our exceptions once, and loses them', async () => {
      within(host, () => {
        using nft = openNetlink(NETLINK_NETFILTER)
        const filter = { family: 'ip', table: 'filter' } as const
        const hook = { type: 'filter', number: 2, priority: 0 } as const
        commit(
          nft,
          [
            newTable(filter, ''),
            newChain(filter, { name: 'DOCKER-USER' }),
            newChain(filter, { name: 'FORWARD', hook }),
            newRule(filter, { chain: 'FORWARD', expressions: [verdict('jump', 'DOCKER-USER')] }),
            // A last rule that drops stands for the policy's effect here.
            newRule(filter, {
              chain: 'FORWARD',
              expressions: [meta('oifname', R1), compare(R1, 'unequal', nameKey('lo')), verdict('drop')],
            }),
          ],
          'docker',
        )
        driver.ensure(front)
        expect(listRules(nft, filter, 'DOCKER-USER').length).toBe(0)
        commit(
          nft,
          [
            {
              ...newChain(filter, { name: 'FORWARD', hook }),
              attributes: newChain(filter, { name: 'FORWARD', hook }).attributes.map(
                ([type, value]) => [type, type === 5 ? new Uint8Array(4) : value] as const,
              ),
            },
          ],
          'policy drop',
        )
      })
      const netns = container(front, 'docked', 70, [port(9600)])
      await serve(netns, 'docked', 80)
      expect(await ask(netns, '203.0.113.2', 7000)).toBe('silence')
      within(host, () => {
        driver.ensure(front)
        driver.ensure(front)
      })
      expect(await ask(netns, '203.0.113.2', 7000)).toBe('outside saw 203.0.113.1')
      expect(await ask(outside, '203.0.113.1', 9600)).toBe('docked saw 203.0.113.2')
      within(host, () => {
        using nft = openNetlink(NETLINK_NETFILTER)
        const filter = { family: 'ip', table: 'filter' } as const
        expect(listRules(nft, filter, 'DOCKER-USER').map(({ comment }) => comment)).toEqual(
          Array(4).fill('cairn ctest0'),
        )
        if (hasTool('iptables-nft')) {
          const { stdout } = Bun.spawnSync(['iptables-nft', '-S', 'DOCKER-USER'])
          expect(stdout.toString().split('\n').slice(1, 5)).toEqual([
            '-A DOCKER-USER -i ctest0 -o docker0 -m comment --comment "cairn ctest0" -j RETURN',
            '-A DOCKER-USER -i ctest0 -o br-+ -m comment --comment "cairn ctest0" -j RETURN',
            '-A DOCKER-USER -i ctest0 -m comment --comment "cairn ctest0" -j ACCEPT',
            '-A DOCKER-USER -o ctest0 -m comment --comment "cairn ctest0" -j ACCEPT',
          ])
        }
        driver.remove(front)
        expect(listRules(nft, filter, 'DOCKER-USER').length).toBe(0)
      })
    })

    test('the last network takes the table along', () => {
      within(host, () => {
        for (const network of [back, closed, front]) driver.remove(network)
        driver.remove(front)
        expect(hostLinks().filter((name) => name.startsWith('ctest'))).toEqual([])
        expect(
          Bun.which('nft') === null ||
            !Bun.spawnSync(['nft', 'list', 'tables']).stdout.toString().includes('cairntest'),
        ).toBe(true)
      })
      expect(readFileSync('/proc/net/dev', 'utf8')).not.toContain('ctest')
    })

    test('a foreign interface of that name is left alone', () => {
      expect(() => within(host, () => driver.ensure({ ...front, bridge: 'wan0' }))).toThrow(
        'interface wan0 exists and is no bridge',
      )
      expect(() => within(host, () => driver.ensure({ ...front, bridge: '../x' }))).toThrow('invalid bridge name')
      within(host, () => driver.remove({ ...front, bridge: 'wan0' }))
      expect(hostLinks()).toContain('wan0')
    })
  })
})
