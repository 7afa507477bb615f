import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { ask, back, front, openLab, port, within, type Lab } from './lab.ts'
import type { Netns } from './netns.ts'

describe.skipIf(process.getuid?.() !== 0)('who reaches whom (needs root)', () => {
  let lab: Lab
  beforeAll(() => {
    lab = openLab([front, back])
  })
  afterAll(() => lab[Symbol.dispose]())

  let web: Netns
  let peer: Netns
  let other: Netns
  let local: Netns
  beforeAll(async () => {
    const ports = [port(8080), port(8080, 'udp'), port(8053, 'tcp', '203.0.113.1'), port(8054, 'tcp', '2001:db8::1')]
    web = lab.container(front, 'web', 2, ports)
    peer = lab.container(front, 'peer', 3)
    other = lab.container(back, 'other', 4)
    local = lab.container(front, 'local', 5, [port(8081, 'tcp', '127.0.0.1')])
    await lab.serve(web, 'web', 80)
    await lab.serve(web, 'hidden', 81)
    await lab.serve(peer, 'peer', 80)
    await lab.serve(local, 'local', 80)
    await lab.serve(other, 'other', 80, '0.0.0.0')
    await lab.serve(lab.outside, 'outside', 7000)
    await lab.serve(lab.host, 'host', 7001)
  })

  test.each(['tcp', 'udp'] as const)('a container reaches the outside behind the host: %s', async (protocol) => {
    expect(await ask(web, '203.0.113.2', 7000, protocol)).toBe('outside saw 203.0.113.1')
    expect(await ask(web, '2001:db8::2', 7000, protocol)).toBe('outside saw 2001:db8::1')
    expect(await ask(other, '203.0.113.2', 7000, protocol)).toBe('outside saw 203.0.113.1')
  })

  test.each(['tcp', 'udp'] as const)(
    'the outside reaches a published port and is seen as itself: %s',
    async (protocol) => {
      expect(await ask(lab.outside, '203.0.113.1', 8080, protocol)).toBe('web saw 203.0.113.2')
      expect(await ask(lab.outside, '2001:db8::1', 8080, protocol)).toBe('web saw 2001:db8::2')
    },
  )

  test.each(['tcp', 'udp'] as const)('the host reaches it by every address: %s', async (protocol) => {
    expect(await ask(lab.host, '127.0.0.1', 8080, protocol)).toBe('web saw 10.88.0.1')
    expect(await ask(lab.host, '203.0.113.1', 8080, protocol)).toStartWith('web saw ')
    expect(await ask(lab.host, '10.88.0.1', 8080, protocol)).toBe('web saw 10.88.0.1')
    expect(await ask(lab.host, '2001:db8::1', 8080, protocol)).toStartWith('web saw ')
    expect(await ask(lab.host, '10.88.0.2', 80, protocol)).toBe('web saw 10.88.0.1')
    expect(await ask(lab.host, 'fd00:88::2', 80, protocol)).toBe('web saw fd00:88::1')
  })

  test('[::1] refuses at once, so that localhost falls back to 127.0.0.1', async () => {
    expect(await ask(lab.host, '::1', 8080)).toBe('refused')
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
    expect(await ask(lab.outside, '203.0.113.1', 81)).toBe('refused')
    for (const number of [80, 81]) {
      expect(await ask(lab.outside, '10.88.0.2', number)).toBe('silence')
      expect(await ask(lab.outside, 'fd00:88::2', number)).toBe('silence')
    }
    expect(await ask(lab.outside, '10.88.0.2', 81, 'udp')).toBe('silence')
  })

  test('a port published on one address answers there alone', async () => {
    expect(await ask(lab.outside, '203.0.113.1', 8053)).toBe('web saw 203.0.113.2')
    expect(await ask(lab.outside, '2001:db8::1', 8054)).toBe('web saw 2001:db8::2')
    expect(await ask(lab.host, '127.0.0.1', 8053)).toBe('refused')
    expect(await ask(lab.host, '127.0.0.1', 8081)).toBe('local saw 10.88.0.1')
    expect(await ask(lab.outside, '203.0.113.1', 8081)).toBe('refused')
    expect(await ask(web, '10.88.0.1', 8081)).toBe('refused')
  })

  test.skipIf(!Bun.which('ip'))('127.0.0.1 cannot be reached from the wire (needs ip)', async () => {
    within(lab.outside, () => {
      writeFileSync('/proc/sys/net/ipv4/conf/eth0/route_localnet', '1')
      for (const line of [
        'rule add pref 10 lookup 100',
        'route add 127.0.0.1/32 via 203.0.113.1 dev eth0 src 203.0.113.2 table 100',
        'rule del pref 0',
      ]) {
        expect(Bun.spawnSync(['ip', ...line.split(' ')], { stderr: 'inherit' }).exitCode).toBe(0)
      }
    })
    expect(await ask(lab.outside, '127.0.0.1', 8081)).toBe('silence')
    within(lab.outside, () => Bun.spawnSync(['ip', 'rule', 'add', 'pref', '0', 'lookup', 'local']))
  })
})
