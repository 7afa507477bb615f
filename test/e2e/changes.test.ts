import { afterEach, describe, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { cairnNode, lacking, needsRoot, setUp, skipReason, type TestNode } from '#testkit'

const skip = skipReason('update and commit', needsRoot(), lacking('crun', 'conmon'))

let node: TestNode

setUp(skip, async (use) => {
  node = use(await cairnNode())
})

afterEach(async () => {
  if (skip) return
  await node.removeContainers()
  expect(node.leftovers()).toEqual([])
})

/** What the kernel holds a container to, with either kind of control groups. */
async function limitsOf(name: string): Promise<object> {
  const id = (await node.must(['inspect', '-f', '{{.Id}}', name])).trim()
  const unified = existsSync('/sys/fs/cgroup/cgroup.controllers')
  const read = (controller: string, v1: string, v2: string): string => {
    const group = unified
      ? `/sys/fs/cgroup/cairn-${id}/container/${v2}`
      : `/sys/fs/cgroup/${controller}/cairn-${id}/${v1}`
    return readFileSync(group, 'utf8').trim()
  }
  return {
    memory: read('memory', 'memory.limit_in_bytes', 'memory.max'),
    quota: read('cpu', 'cpu.cfs_quota_us', 'cpu.max').split(' ')[0],
    cpus: read('cpuset', 'cpuset.cpus', 'cpuset.cpus'),
    pids: Number(read('pids', 'pids.max', 'pids.max')),
  }
}

describe.skipIf(skip)('update and commit', () => {
  test('update: at once, and at every later start', async () => {
    const sleeps = ['--network', 'none', 'busybox', 'sleep', '1000']
    await node.must(['run', '-d', '--name', 'web', '-m', '64m', '--pids-limit', '50', ...sleeps])
    const asked = ['-m', '128m', '--cpus', '0.5', '--cpuset-cpus', '0', '--pids-limit', '77']
    expect(await node.must(['update', ...asked, 'web'])).toBe('web\n')
    const limits = { memory: String(128 << 20), quota: '50000', cpus: '0', pids: 77 }
    expect(await limitsOf('web')).toEqual(limits)
    await node.must(['restart', '-t', '0', 'web'])
    expect(await limitsOf('web')).toEqual(limits)
    await node.must(['pause', 'web'])
    await node.must(['container', 'update', '--pids-limit', '-1', 'web'])
    await node.must(['unpause', 'web'])
    expect(await limitsOf('web')).toMatchObject({ memory: limits.memory, pids: 2 ** 22 })
    await node.must(['kill', 'web'])
    await node.must(['update', '-m', '32m', 'web'])
    await node.must(['start', 'web'])
    expect(await limitsOf('web')).toMatchObject({ memory: String(32 << 20), quota: '50000' })
    expect(await node.must(['inspect', '-f', '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}', 'web'])).toBe(
      `${32 << 20} 500000000\n`,
    )
  })

  test('update refuses what cannot be, and changes nothing then', async () => {
    await node.must([
      'run',
      '-d',
      '--name',
      'web',
      '-m',
      '64m',
      '--memory-swap',
      '64m',
      '--network',
      'none',
      'busybox',
      'sleep',
      '1000',
    ])
    const before = await limitsOf('web')
    for (const [args, code, said] of [
      [[], 1, 'you must provide one or more flags'],
      [['-m', '1m'], 1, 'minimum memory limit allowed is 6MB'],
      [['-m', '256m'], 1, 'hint: give --memory-swap as well'],
      [['--cpus', '4096'], 1, 'range of CPUs'],
      [['--restart', 'always'], 1, 'hint: a systemd unit does it'],
      [['--kernel-memory', '1g'], 125, '--kernel-memory is not supported'],
    ] as const) {
      const refused = await node.cairn(['update', ...args, 'web'])
      expect({ args, code: refused.code }).toEqual({ args, code })
      expect(refused.stderr).toContain(said)
    }
    expect(await limitsOf('web')).toEqual(before)
    const some = await node.cairn(['update', '--pids-limit', '9', 'nobody', 'web'])
    expect(some).toMatchObject({ code: 1, stdout: 'web\n', stderr: 'cairn: no such container: nobody\n' })
  })

  test('commit: the same work makes the same image, whenever it is done', async () => {
    const script = 'echo 1 > /one; mkdir /two; rm /etc/group'
    const ids: string[] = []
    for (const name of ['first', 'second']) {
      await node.must(['run', '--name', name, '--network', 'none', 'busybox', 'sh', '-c', script])
      ids.push(await node.must(['commit', name]))
    }
    expect(ids[1]).toBe(ids[0]!)
    const when = await node.must(['commit', 'first', 'dated'], { env: { SOURCE_DATE_EPOCH: '1700000000' } })
    expect(when).not.toBe(ids[0]!)
    expect(await node.must(['inspect', '-f', '{{.Created}}', 'dated'])).toStartWith('2023-11-14T22:13:20')
    const shown = ['stat', '-c', '%n %Y', '/one', '/two']
    const seen = async (image: string): Promise<string> =>
      node.must(['run', '--rm', '--network', 'none', image, ...shown])
    expect(await seen('dated')).toBe('/one 1700000000\n/two 1700000000\n')
    expect(await seen(ids[0]!.trim())).toBe('/one 0\n/two 0\n')
  })

  test('commit: one that runs stands still and runs on; a volume stays out; nothing changed is no layer', async () => {
    await node.must([
      'run',
      '-d',
      '--name',
      'web',
      '--network',
      'none',
      '-v',
      '/data',
      'busybox',
      'sh',
      '-c',
      'echo > /data/f; mkdir /ready; exec sleep 1000',
    ])
    await node.must(['exec', 'web', 'sh', '-c', 'until [ -d /ready ]; do sleep 0.01; done'])
    await node.must(['container', 'commit', 'web', 'image:1'])
    expect(await node.must(['ps', '--format', '{{.State}}'])).toBe('running\n')
    const listed = await node.must([
      'run',
      '--rm',
      '--network',
      'none',
      '--entrypoint',
      'ls',
      'image:1',
      '/data',
      '/ready',
    ])
    expect(listed).toBe('/data:\n\n/ready:\n')
    await node.must(['commit', '--pause=false', 'web', 'image:2'])
    await node.must(['create', '--name', 'idle', '--network', 'none', 'busybox', 'true'])
    await node.must(['commit', 'idle', 'image:3'])
    const layers = (name: string): Promise<string> => node.must(['inspect', '-f', '{{len .RootFS.Layers}}', name])
    expect(await layers('image:3')).toBe(await layers('busybox'))
    await node.must(['rm', '-f', '-v', 'web', 'idle'])
    await node.must(['rmi', 'image:1', 'image:2', 'image:3'])
  })
})
