import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { createNetworkDriver } from './driver.ts'
import { verdict } from './expressions.ts'
import { ask, back, closed, front, openLab, port, table, within, type Lab } from './lab.ts'
import { NETLINK_NETFILTER, openNetlink } from './netlink.ts'
import { createNetns } from './netns.ts'
import {
  deleteTable,
  listElements,
  listRules,
  nameKey,
  newChain,
  newElements,
  newRule,
  newTable,
  tableComment,
} from './nftables.ts'
import { commit, tableMessages } from './ruleset.ts'
import { readSysctl } from './sysctl.ts'

describe.skipIf(process.getuid?.() !== 0)('the host (needs root)', () => {
  let lab: Lab
  beforeAll(async () => {
    lab = openLab([front, back, closed])
    await lab.serve(lab.outside, 'outside', 7000)
  })
  afterAll(() => lab[Symbol.dispose]())

  test('ensure makes again what somebody took away', () => {
    lab.onHost(() => {
      writeFileSync('/proc/sys/net/ipv4/ip_forward', '0')
      lab.driver.ensure(front)
      expect(readSysctl('ipv4/ip_forward')).toBe('1')
      using nft = openNetlink(NETLINK_NETFILTER)
      commit(nft, [deleteTable(table)], 'flush')
      lab.driver.ensure(front)
      expect(listElements(nft, table, 'bridges').length).toBe(1)
      for (const network of [back, closed]) lab.driver.ensure(network)
      expect(listElements(nft, table, 'bridges').length).toBe(3)
    })
  })

  test('a bridge that is left of another store gets this one’s subnets as well', () => {
    lab.onHost(() => {
      const subnets = [{ subnet: '10.217.0.0/16', gateway: '10.217.0.1' }]
      lab.driver.ensure(front)
      lab.driver.ensure({ ...front, subnets })
      const { stdout } = Bun.spawnSync(['ip', '-4', '-brief', 'address', 'show', front.bridge])
      expect(stdout.toString()).toContain('10.217.0.1/16')
      using nft = openNetlink(NETLINK_NETFILTER)
      const keys = listElements(nft, table, 'nets4').map(({ key }) => [...key].join('.'))
      expect(keys).toContain('10.217.0.0')
      // The table is as the others expect it, and the bridge without that address.
      lab.driver.remove({ ...front, subnets })
      lab.driver.ensure(front)
    })
  })

  test('another version’s table is replaced with its elements kept', () => {
    lab.onHost(() => {
      using nft = openNetlink(NETLINK_NETFILTER)
      const old = { family: 'inet', table: 'cairnold' } as const
      const messages = tableMessages(old).map((message, at) => (at === 0 ? newTable(old, 'cairn rules 0') : message))
      commit(nft, [...messages, newElements(old, 'bridges', [{ key: nameKey('ctest9') }])], 'old table')
      createNetworkDriver({ run: lab.run, table: 'cairnold' }).ensure(front)
      const names = listElements(nft, old, 'bridges').map(({ key }) =>
        new TextDecoder().decode(key).replace(/\0.*/, ''),
      )
      expect(names.sort()).toEqual(['ctest0', 'ctest9'])
      commit(nft, [deleteTable(old)], 'old table')
    })
  })

  test('listening to router advertisements survives forwarding', () => {
    using other = createNetns()
    within(other, () => {
      writeFileSync('/proc/sys/net/ipv6/conf/default/accept_ra', '1')
      createNetworkDriver({ run: lab.run, table: 'cairntest' }).ensure(front)
      expect(readSysctl('ipv6/conf/default/accept_ra')).toBe('2')
      expect(readSysctl('ipv6/conf/all/forwarding')).toBe('1')
    })
  })

  test('Docker’s dropped FORWARD gets our exceptions once, and loses them', async () => {
    const filter = { family: 'ip', table: 'filter' } as const
    const forward = { type: 'filter', number: 2, priority: 0 } as const
    lab.onHost(() => {
      using nft = openNetlink(NETLINK_NETFILTER)
      const chains = [
        newChain(filter, { name: 'DOCKER-USER' }),
        newChain(filter, { name: 'FORWARD', hook: forward }),
        newRule(filter, { chain: 'FORWARD', expressions: [verdict('jump', 'DOCKER-USER')] }),
      ]
      commit(nft, [newTable(filter, ''), ...chains], 'playing Docker')
      lab.driver.ensure(front)
      expect(listRules(nft, filter, 'DOCKER-USER').length).toBe(0)
      commit(nft, [newChain(filter, { name: 'FORWARD', hook: { ...forward, policy: 'drop' } })], 'playing Docker')
    })
    const netns = lab.container(front, 'docked', 70, [port(9600)])
    await lab.serve(netns, 'docked', 80)
    expect(await ask(netns, '203.0.113.2', 7000)).toBe('silence')
    lab.onHost(() => {
      lab.driver.ensure(front)
      lab.driver.ensure(front)
    })
    expect(await ask(netns, '203.0.113.2', 7000)).toBe('outside saw 203.0.113.1')
    expect(await ask(lab.outside, '203.0.113.1', 9600)).toBe('docked saw 203.0.113.2')
    lab.onHost(() => {
      using nft = openNetlink(NETLINK_NETFILTER)
      expect(listRules(nft, filter, 'DOCKER-USER').map(({ comment }) => comment)).toEqual(Array(4).fill('cairn ctest0'))
      if (Bun.which('iptables-nft')) {
        const { stdout } = Bun.spawnSync(['iptables-nft', '-S', 'DOCKER-USER'])
        expect(stdout.toString().split('\n').slice(1, 5)).toEqual([
          '-A DOCKER-USER -i ctest0 -o docker0 -m comment --comment "cairn ctest0" -j RETURN',
          '-A DOCKER-USER -i ctest0 -o br-+ -m comment --comment "cairn ctest0" -j RETURN',
          '-A DOCKER-USER -i ctest0 -m comment --comment "cairn ctest0" -j ACCEPT',
          '-A DOCKER-USER -o ctest0 -m comment --comment "cairn ctest0" -j ACCEPT',
        ])
      }
      lab.driver.remove(front)
      expect(listRules(nft, filter, 'DOCKER-USER').length).toBe(0)
    })
  })

  test('the last network takes the table along', () => {
    lab.onHost(() => {
      for (const network of [back, closed, front]) lab.driver.remove(network)
      lab.driver.remove(front)
      expect(lab.hostLinks().filter((name) => name.startsWith('ctest'))).toEqual([])
      using nft = openNetlink(NETLINK_NETFILTER)
      expect(tableComment(nft, table)).toBeUndefined()
    })
  })

  test('a foreign interface of that name is left alone', () => {
    expect(() => lab.onHost(() => lab.driver.ensure({ ...front, bridge: 'wan0' }))).toThrow(
      'interface wan0 exists and is no bridge',
    )
    expect(() => lab.onHost(() => lab.driver.ensure({ ...front, bridge: '../x' }))).toThrow('invalid bridge name')
    lab.onHost(() => lab.driver.remove({ ...front, bridge: 'wan0' }))
    expect(lab.hostLinks()).toContain('wan0')
  })
})
