import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { ask, back, endpoint, front, openLab, port, SILENCE_MS, within, type Lab } from './lab.ts'
import type { NetworkConfig, PortMapping } from './types.ts'

describe.skipIf(process.getuid?.() !== 0)('published ports (needs root)', () => {
  let lab: Lab
  beforeAll(() => {
    lab = openLab([front, back], (id) => (id === 'web' ? 'the-web' : undefined))
  })
  afterAll(() => lab[Symbol.dispose]())

  test('a second publisher is told who has it', () => {
    lab.container(front, 'web', 2, [port(8080), port(8080, 'udp'), port(8053, 'tcp', '203.0.113.1')])
    lab.container(front, 'local', 3, [port(8081, 'tcp', '127.0.0.1')])
    const second = (...ports: PortMapping[]): void => void lab.container(front, 'second', 40, ports)
    const allocated = 'is already allocated by container'
    expect(() => second(port(8080))).toThrow(`port 8080 ${allocated} the-web`)
    expect(() => second(port(8080, 'udp', '0.0.0.0'))).toThrow(`port 0.0.0.0:8080/udp ${allocated} the-web`)
    expect(() => second(port(8080, 'tcp', '127.0.0.1'))).toThrow(`port 127.0.0.1:8080 ${allocated} the-web`)
    expect(() => second(port(8053, 'tcp', '203.0.113.1'))).toThrow(`port 203.0.113.1:8053 ${allocated} the-web`)
    expect(() => second(port(9900), port(8081))).toThrow(`port 8081 ${allocated} local`)
    expect(lab.elements('dnat4')).toBe(2)
    second(port(8053, 'udp'), port(8081, 'tcp', '127.0.0.2'))
  })

  test('a process of the host keeps its port', () => {
    using server = lab.onHost(() => Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } }))
    expect(() => lab.container(front, 'thief', 41, [port(server.port)])).toThrow(
      `port ${server.port} is already in use by a process on this host`,
    )
  })

  test('what cannot be published says so', () => {
    const publish = (network: NetworkConfig, ip: string): void =>
      void lab.container(network, 'x', 42, [port(9001, 'tcp', ip)])
    expect(() => publish(front, '198.51.100.1')).toThrow(
      'cannot publish on 198.51.100.1: this host has no such address',
    )
    expect(() => publish(front, '::1')).toThrow('cannot publish [::1]:9001: Linux never routes ::1 to a container')
    expect(() => publish(back, '::')).toThrow('cannot publish [::]:9001: network back has no IPv6 subnet')
  })

  test('disconnecting frees the port, and may be repeated', async () => {
    const ports = [port(9100), port(9100, 'udp', '203.0.113.1')]
    const netns = lab.container(front, 'short', 43, ports)
    await lab.serve(netns, 'short', 80)
    expect(await ask(lab.outside, '203.0.113.1', 9100)).toBe('short saw 203.0.113.2')
    const before = lab.elements('dnat4')
    for (let times = 0; times < 2; times++) lab.disconnect(front, 'short', 43, ports)
    expect(lab.elements('dnat4')).toBe(before - 1)
    expect(await ask(lab.outside, '203.0.113.1', 9100)).toBe('refused')
  })

  test('disconnecting takes nothing from the next owner', () => {
    lab.container(front, 'heir', 44, [port(9101)])
    lab.disconnect(front, 'late', 43, [port(9101)])
    expect(() => lab.container(front, 'third', 45, [port(9101)])).toThrow('already allocated by container heir')
  })

  test('a container that comes back with another address takes its ports along', async () => {
    lab.container(front, 'moved', 80, [port(9160), port(9161)])
    const netns = lab.container(front, 'moved', 81, [port(9160), port(9161)])
    await lab.serve(netns, 'moved', 80)
    expect(await ask(lab.outside, '203.0.113.1', 9160)).toBe('moved saw 203.0.113.2')
    lab.disconnect(front, 'moved', 81, [port(9160), port(9161)])
  })

  test('a UDP client that keeps sending follows the port from nobody to one container to the next', async () => {
    const answers: string[] = []
    let heard = Promise.withResolvers<void>()
    const client = await within(lab.outside, () =>
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
      const netns = lab.container(front, name, address, [port(9150, 'udp')])
      await lab.serve(netns, name, 80)
      await sent()
      lab.disconnect(front, name, address, [port(9150, 'udp')])
    }
    client.close()
    expect(answers).toEqual(['first saw 203.0.113.2', 'second saw 203.0.113.2'])
  })

  test('republishing after the table lost them', () => {
    const mine = endpoint(front, 'lost', 46, [port(9102)])
    lab.onHost(() => {
      lab.driver.republish(front, mine)
      const before = lab.elements('dnat4')
      lab.driver.republish(front, mine)
      expect(lab.elements('dnat4')).toBe(before)
      lab.driver.disconnect(front, mine)
    })
  })
})
