import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { cairnNode, lacking, must, needsRoot, present, skipReason, type TestNode } from '#testkit'

const skip = skipReason(
  'limits under systemd',
  needsRoot(),
  lacking('crun', 'conmon'),
  // sd_booted(3); with v1 controllers beside it systemd leaves those of others alone.
  present('/run/systemd/system') ? undefined : 'needs systemd as the first process',
  present('/sys/fs/cgroup/cgroup.controllers') ? undefined : 'needs control groups v2 alone',
)

describe.skipIf(skip)('limits under systemd', () => {
  let node: TestNode
  beforeAll(async () => {
    node = await cairnNode()
  }, 60_000)
  afterAll(async () => {
    expect(node.leftovers()).toEqual([])
    await node[Symbol.asyncDispose]()
  })

  test('are what was asked for, also after it arranges its own groups anew', async () => {
    const limits = ['-m', '64m', '--cpus', '0.5', '--pids-limit', '50']
    await node.must(['run', '-d', '--name', 'kept', '--network', 'none', ...limits, 'busybox', 'sleep', '1000'])
    const read = (): Promise<string> =>
      node.must(['exec', 'kept', 'sh', '-c', 'cd /sys/fs/cgroup; cat memory.max cpu.max pids.max'])
    const asked = `${64 << 20}\n50000 100000\n50\n`
    expect(await read()).toBe(asked)
    await must(['systemctl', 'daemon-reload'])
    // A unit that starts and ends is when it takes from the root's children what no unit asks for.
    await must(['systemd-run', '--quiet', '--wait', '--property=MemoryAccounting=yes', 'true'])
    expect(await read()).toBe(asked)
    await node.must(['rm', '-f', 'kept'])
  })
})
