import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
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

/** The chains as docs/model/network.md shows them. */
function documented(): string[] {
  const page = readFileSync(join(import.meta.dir, '../../../docs/model/network.md'), 'utf8')
  return trimmed(/```nft\n(.*?)```/s.exec(page)?.[1] ?? '')
}

function trimmed(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
}

describe.skipIf(!root)('the table (needs root)', () => {
  test.skipIf(!nft)('is what nft reads back (needs nft)', () => {
    using lab = createNetns()
    const listed = inNetns(lab.fd, () => {
      using socket = openNetlink(NETLINK_NETFILTER)
      ensureTable(socket, ref)
      addNetwork(socket, ref, network)
      return Bun.spawnSync([nft ?? '', 'list', 'table', 'inet', 'cairn']).stdout.toString()
    })
    const lines = trimmed(listed)
    const start = lines.indexOf('chain guard {')
    const sets = lines.slice(0, start)
    expect(lines.slice(start, -1)).toEqual(documented())
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
