import { describe, expect, test } from 'bun:test'
import { inNetns } from '#sys'
import { overlaps, parseAddress, parseCidr } from './address.ts'
import { chooseIpv4, hostHasIpv6, planNetwork, randomUla } from './defaultnetwork.ts'
import { NETLINK_ROUTE, openNetlink, refuse } from './netlink.ts'
import { createNetns } from './netns.ts'
import { findLink, newAddress, newBridge, newDefaultRoute, setUp } from './rtnetlink.ts'

const root = process.getuid?.() === 0
const request = { id: 'x', name: 'x', bridge: 'cairn0' }

describe('choosing a subnet', () => {
  test('the first that overlaps nothing', () => {
    expect(chooseIpv4([])).toEqual({ subnet: '10.100.0.0/16', gateway: '10.100.0.1' })
    expect(chooseIpv4(['10.100.7.0/24', '10.101.0.0/16'].map(parseCidr))).toEqual({
      subnet: '10.102.0.0/16',
      gateway: '10.102.0.1',
    })
    expect(chooseIpv4([parseCidr('10.0.0.0/8')]).subnet).toBe('172.20.0.0/16')
    expect(chooseIpv4(['10.0.0.0/8', '172.16.0.0/12'].map(parseCidr)).subnet).toBe('192.168.0.0/20')
    expect(() => chooseIpv4(['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'].map(parseCidr))).toThrow(
      'every private IPv4 range is routed already',
    )
  })

  test('a unique local /64', () => {
    expect(randomUla(Uint8Array.of(1, 2, 3, 4, 5))).toEqual({ subnet: 'fd01:203:405::/64', gateway: 'fd01:203:405::1' })
  })

  test.skipIf(!root)('looks at routes, other networks, IPv6 and the MTU of the way out (needs root)', () => {
    using lab = createNetns()
    inNetns(lab.fd, () => {
      expect(hostHasIpv6()).toBe(false)
      expect(planNetwork(request).subnets).toEqual([{ subnet: '10.100.0.0/16', gateway: '10.100.0.1' }])
      using route = openNetlink(NETLINK_ROUTE)
      const made = route.transact([newBridge('wan0', { mac: Uint8Array.of(2, 0, 0, 0, 0, 1), mtu: 1420 })])
      const index = findLink(route, 'wan0')?.index ?? 0
      const set = route.transact([
        setUp(index),
        newAddress(index, parseAddress('10.100.4.2'), 24),
        newAddress(index, parseAddress('2001:db8::2'), 64),
        newDefaultRoute(parseAddress('10.100.4.1')),
      ])
      for (const answer of [...made, ...set]) refuse(answer, 'lab')
      const { subnets, mtu } = planNetwork({ ...request, taken: ['10.101.0.0/16', 'fd00::/64'] })
      expect(subnets[0]).toEqual({ subnet: '10.102.0.0/16', gateway: '10.102.0.1' })
      expect(overlaps(parseCidr(subnets[1]?.subnet ?? ''), parseCidr('fd00::/8'))).toBe(true)
      expect(mtu).toBe(1420)
      expect(planNetwork({ ...request, ipv6: false, internal: true })).toMatchObject({
        internal: true,
        subnets: { length: 1 },
      })
    })
  })
})
