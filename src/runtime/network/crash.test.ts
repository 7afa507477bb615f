import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { ask, back, endpoint, front, openLab, port, type Lab } from './lab.ts'
import { createNetns } from './netns.ts'
import type { NetworkConfig } from './types.ts'

function otherNetwork(name: string, bridge: string, third: number): NetworkConfig {
  const subnets = [{ subnet: `10.91.${third}.0/24`, gateway: `10.91.${third}.1` }]
  return { ...back, id: name, name, bridge, subnets }
}

describe.skipIf(process.getuid?.() !== 0)('failures and crashes (needs root)', () => {
  let lab: Lab
  beforeAll(() => {
    lab = openLab([front, back])
  })
  afterAll(() => lab[Symbol.dispose]())

  test('a failed connect leaves nothing', () => {
    const netns = lab.container(front, 'taken', 50)
    const before = [lab.elements('dnat4'), lab.hostLinks().length]
    const again = endpoint(front, 'again', 51, [port(9200)])
    expect(() => lab.onHost(() => lab.driver.connect(netns, front, again))).toThrow('EEXIST')
    const missing = { ...front, bridge: 'nobridge' }
    expect(() => lab.onHost(() => lab.driver.connect(netns, missing, again))).toThrow(
      'bridge nobridge of network front is missing',
    )
    expect([lab.elements('dnat4'), lab.hostLinks().length]).toEqual(before)
  })

  test('processes at once: each gets its own, one gets the contested port', async () => {
    const script = `
      try {
        driver.ensure(argument.network)
        driver.connect(createNetns(), argument.network, argument.endpoint)
        console.log('connected')
      } catch (error) {
        console.log(error.code)
      }
    `
    const network = otherNetwork('racing', 'ctest3', 3)
    const children = [2, 3, 4, 5].map((number) => {
      const ports = [port(number < 4 ? 9300 : 9300 + number)]
      return lab.otherProcess(script, { network, endpoint: endpoint(network, `racer${number}`, number, ports) })
    })
    const said = await Promise.all(children.map((child) => new Response(child.stdout).text()))
    expect(said.map((text) => text.trim()).sort()).toEqual(['already_exists', 'connected', 'connected', 'connected'])
    await Promise.all(children.map((child) => child.exited))
    lab.onHost(() => {
      expect(lab.driver.reconcile([])).toBe(3)
      lab.driver.remove(network)
    })
  })

  test('reconcile takes away what a killed process left, and nothing else', async () => {
    const alive = endpoint(front, 'alive', 60, [port(9400), port(9400, 'udp', '203.0.113.1')])
    await lab.serve(lab.container(front, 'alive', 60, alive.ports), 'alive', 80)
    const dead = endpoint(front, 'dead', 61, [port(9401), port(9401, 'udp')])
    const script = `
      driver.connect(createNetns(), argument.network, argument.endpoint)
      console.log('up')
      setInterval(() => {}, 1e6)
    `
    const child = lab.otherProcess(script, { network: front, endpoint: dead })
    for await (const _ of child.stdout) break
    child.kill('SIGKILL')
    await child.exited
    lab.onHost(() => {
      // Two ports on two families.
      expect(lab.driver.reconcile(() => [alive])).toBe(4)
      expect(lab.driver.reconcile([alive])).toBe(0)
    })
    expect(await ask(lab.outside, '203.0.113.1', 9400)).toBe('alive saw 203.0.113.2')
    expect(await ask(lab.outside, '203.0.113.1', 9400, 'udp')).toBe('alive saw 203.0.113.2')
    lab.container(front, 'next', 61, [port(9401)])
  })

  test('killed at any moment, the next process carries on', async () => {
    const network = otherNetwork('churn', 'ctest4', 4)
    const script = `
      import { writeSync } from 'node:fs'
      const { network, endpoint } = argument
      for (;;) {
        writeSync(1, '.')
        driver.ensure(network)
        writeSync(1, '.')
        using netns = createNetns()
        driver.connect(netns, network, endpoint)
        writeSync(1, '.')
        driver.disconnect(network, endpoint)
        writeSync(1, '.')
        driver.remove(network)
      }
    `
    const mine = endpoint(network, 'churner', 2, [port(9500)])
    for (let steps = 1; steps <= 8; steps++) {
      const child = lab.otherProcess(script, { network, endpoint: mine })
      let dots = 0
      for await (const chunk of child.stdout) if ((dots += chunk.length) >= steps) break
      child.kill('SIGKILL')
      await child.exited
      lab.onHost(() => {
        lab.driver.ensure(network)
        using netns = createNetns()
        lab.driver.connect(netns, network, mine)
        lab.driver.disconnect(network, mine)
        lab.driver.remove(network)
      })
      expect(lab.hostLinks()).not.toContain(network.bridge)
    }
  })
})
