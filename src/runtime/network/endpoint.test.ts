import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { ask, back, closed, endpoint, front, openLab, port, within, type Lab } from './lab.ts'
import { NETLINK_ROUTE, openNetlink } from './netlink.ts'
import { createNetns } from './netns.ts'
import { findLink } from './rtnetlink.ts'
import { readSysctl } from './sysctl.ts'

describe.skipIf(process.getuid?.() !== 0)('inside a container (needs root)', () => {
  let lab: Lab
  beforeAll(async () => {
    lab = openLab([front, back, closed])
    await lab.serve(lab.outside, 'outside', 7000)
  })
  afterAll(() => lab[Symbol.dispose]())

  test('loopback is up, the MTU is the network’s, advertisements are ignored', () => {
    const netns = lab.container(back, 'mtu', 20)
    within(netns, () => {
      using route = openNetlink(NETLINK_ROUTE)
      expect(findLink(route, 'lo')?.up).toBe(true)
      expect(findLink(route, 'eth0')).toMatchObject({ mtu: 1400, up: true, kind: 'veth' })
      expect(readSysctl('ipv6/conf/eth0/accept_ra')).toBe('0')
    })
  })

  test('an internal network knows only itself', async () => {
    const [one, two] = [lab.container(closed, 'one', 2), lab.container(closed, 'two', 3)]
    await lab.serve(two, 'two', 80, '0.0.0.0')
    expect(await ask(one, '10.90.0.3', 80)).toBe('two saw 10.90.0.2')
    expect(await ask(one, '203.0.113.2', 7000)).not.toStartWith('outside')
    expect(() => lab.container(closed, 'three', 4, [port(9000)])).toThrow(
      'cannot publish 9000: network closed is internal',
    )
  })

  test('a second network leaves the first one’s way out', async () => {
    const netns = lab.container(front, 'both', 30)
    lab.onHost(() => lab.driver.connect(netns, back, { ...endpoint(back, 'both', 30), interfaceName: 'eth1' }))
    expect(await ask(netns, '203.0.113.2', 7000)).toBe('outside saw 203.0.113.1')
    const neighbour = lab.container(back, 'neighbour', 31)
    await lab.serve(neighbour, 'neighbour', 80, '0.0.0.0')
    expect(await ask(netns, '10.89.0.31', 80)).toBe('neighbour saw 10.89.0.30')
  })

  test('a path serves as well as a descriptor, and a MAC address is taken', () => {
    using netns = createNetns()
    const wanted = { ...endpoint(front, 'path', 33), mac: '02:00:00:aa:bb:cc' }
    lab.onHost(() => lab.driver.connect({ path: netns.path }, front, wanted))
    const address = within(netns, () => Bun.spawnSync(['cat', '/proc/net/if_inet6']).stdout.toString())
    expect(address).toContain('fd000088000000000000000000000033')
    expect(() =>
      lab.onHost(() => lab.driver.connect(netns, front, { ...wanted, interfaceName: 'eth1', mac: '03:xx' })),
    ).toThrow('invalid MAC address "03:xx"')
  })
})
