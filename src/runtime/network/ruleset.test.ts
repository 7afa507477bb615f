import { describe, expect, test } from 'bun:test'
import { inNetns } from '#sys'
import { NETLINK_NETFILTER, openNetlink } from './netlink.ts'
import { createNetns } from './netns.ts'
import { nameKey, newElements } from './nftables.ts'
import { probeNetwork } from './probe.ts'
import { addNetwork, commit, ensureTable, networkIsLoaded, removeNetwork } from './ruleset.ts'

const root = process.getuid?.() === 0
const nft = Bun.which('nft')
const network = {
  id: 'n',
  name: 'n',
  bridge: 'cairn0',
  subnets: [
    { subnet: '10.88.0.0/16', gateway: '10.88.0.1' },
    { subnet: 'fd00:88::/64', gateway: 'fd00:88::1' },
  ],
}
const ref = { family: 'inet', table: 'cairn' } as const

/** The part of docs/model/network.md that shows the table. */
const RULES = `
chain guard {
type filter hook prerouting priority raw; policy accept;
iifname != "lo" ip daddr 127.0.0.0/8 drop
}
chain publish {
ip6 daddr ::1 return
dnat ip to ip daddr . meta l4proto . th dport map @dnat4ip
dnat ip to meta l4proto . th dport map @dnat4
dnat ip6 to ip6 daddr . meta l4proto . th dport map @dnat6ip
dnat ip6 to meta l4proto . th dport map @dnat6
}
chain prerouting {
type nat hook prerouting priority dstnat; policy accept;
fib daddr type local jump publish
}
chain output {
type nat hook output priority -100; policy accept;
fib daddr type local jump publish
}
chain postrouting {
type nat hook postrouting priority srcnat; policy accept;
ip saddr @nets4 oifname != @bridges masquerade
ip6 saddr @nets6 oifname != @bridges masquerade
oifname @bridges ip saddr 127.0.0.0/8 masquerade
oifname @bridges ct status dnat ip saddr @nets4 masquerade
oifname @bridges ct status dnat ip6 saddr @nets6 masquerade
}
chain forward {
type filter hook forward priority filter; policy accept;
iifname . oifname @same accept
iifname @internal drop
oifname @internal drop
oifname @bridges ct state established,related accept
oifname @bridges ct status dnat accept
oifname @bridges drop
}
}
`

describe.skipIf(!root)('the table (needs root)', () => {
  test.skipIf(!nft)('is what nft reads back (needs nft)', () => {
    using lab = createNetns()
    const listed = inNetns(lab.fd, () => {
      using socket = openNetlink(NETLINK_NETFILTER)
      ensureTable(socket, ref)
      addNetwork(socket, ref, network)
      return Bun.spawnSync([nft ?? '', 'list', 'table', 'inet', 'cairn']).stdout.toString()
    })
    const lines = listed
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '')
    const [sets, chains] = [lines.slice(0, lines.indexOf('chain guard {')), lines.slice(lines.indexOf('chain guard {'))]
    expect(chains).toEqual(RULES.trim().split('\n'))
    expect(sets.filter((line) => line.startsWith('elements'))).toEqual([
      'elements = { 10.88.0.0/16 }',
      'elements = { fd00:88::/64 }',
      'elements = { "cairn0" }',
      'elements = { "cairn0" . "cairn0" }',
    ])
    expect(sets).toContain('comment "cairn rules 1"')
  })

  test('networks come and go whole; a refused transaction changes nothing', () => {
    using lab = createNetns()
    inNetns(lab.fd, () => {
      using socket = openNetlink(NETLINK_NETFILTER)
      expect(networkIsLoaded(socket, ref, network)).toBe(false)
      removeNetwork(socket, ref, network)
      for (let times = 0; times < 2; times++) {
        ensureTable(socket, ref)
        addNetwork(socket, ref, network)
      }
      expect(networkIsLoaded(socket, ref, network)).toBe(true)
      const clash = [
        newElements(ref, 'bridges', [{ key: nameKey('other') }]),
        newElements(ref, 'nets4', [
          { key: Uint8Array.of(10, 88, 1, 0) },
          { key: Uint8Array.of(10, 89, 1, 0), intervalEnd: true },
        ]),
      ]
      expect(() => commit(socket, clash, 'clash')).toThrow('clash: EEXIST')
      expect(networkIsLoaded(socket, ref, { ...network, bridge: 'other' })).toBe(false)
      removeNetwork(socket, ref, network)
      expect(networkIsLoaded(socket, ref, network)).toBe(false)
    })
  })

  test('the probe finds everything here and changes nothing', () => {
    using lab = createNetns()
    inNetns(lab.fd, () => {
      expect(probeNetwork()).toMatchObject({
        links: true,
        nftables: true,
        ipv6: false,
        forwardPolicy: 'absent',
        dockerUser: false,
        legacyIptables: false,
      })
      using socket = openNetlink(NETLINK_NETFILTER)
      expect(networkIsLoaded(socket, { ...ref, table: 'cairn' }, network)).toBe(false)
    })
  })
})
