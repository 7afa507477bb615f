import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { cairnNode, lacking, present, skipReason, type TestNode } from '#testkit'

const uid = process.getuid!()
const group = `/sys/fs/cgroup/user.slice/user-${uid}.slice/user@${uid}.service`
const skip = skipReason(
  'limits of a user under systemd',
  uid === 0 ? 'needs a user who is not root' : undefined,
  lacking('crun', 'conmon', 'newuidmap', 'nsenter', 'busctl'),
  present(join(process.env['XDG_RUNTIME_DIR'] ?? '/none', 'bus')) ? undefined : 'needs a session with a bus',
  present(join(group, 'cgroup.controllers'))
    ? undefined
    : 'needs control groups v2 that systemd delegates to this user',
)

describe.skipIf(skip)('limits of a user under systemd', () => {
  let node: TestNode
  beforeAll(async () => {
    node = await cairnNode()
  }, 60_000)
  afterAll(async () => {
    await node[Symbol.asyncDispose]()
  })

  const limits = ['--network', 'none', '-m', '64m', '--pids-limit', '50']
  const read = ['sh', '-c', 'cd /sys/fs/cgroup; cat memory.max pids.max']
  const asked = `${64 << 20}\n50\n`
  const scope = (id: string): string => join(group, `user.slice/cairn-${id}.scope`)

  test.each(['crun', 'runc'].filter((name) => Bun.which(name)))('with %s hold from start to end', async (runtime) => {
    expect(await node.must(['run', '--rm', '--runtime', runtime, ...limits, 'busybox', ...read])).toBe(asked)
    const run = ['run', '-d', '--name', 'kept', '--runtime', runtime, ...limits, 'busybox', 'sleep', '1000']
    const id = (await node.must(run)).trim()
    expect(existsSync(scope(id))).toBe(true)
    expect(await node.must(['exec', 'kept', ...read])).toBe(asked)
    expect(await node.must(['exec', '-t', 'kept', ...read])).toBe(asked.replaceAll('\n', '\r\n'))
    await node.must(['update', '--pids-limit', '40', 'kept'])
    expect(await node.must(['exec', 'kept', ...read])).toBe(asked.replace('50', '40'))
    await node.must(['pause', 'kept'])
    expect(await node.must(['ps', '--format', '{{.Status}}'])).toContain('Paused')
    await node.must(['stop', '-t', '0', 'kept'])
    expect(existsSync(scope(id))).toBe(false)
    await node.must(['start', 'kept'])
    await node.must(['rm', '-f', 'kept'])
    expect(existsSync(scope(id))).toBe(false)
  })

  test('beyond its memory a container is killed, and said to be', async () => {
    const grow = 'sleep 0.2; exec awk "BEGIN { s = \\"x\\"; while (1) s = s s }"'
    await node.must(['run', '-d', '--name', 'big', '--network', 'none', '-m', '16m', 'busybox', 'sh', '-c', grow])
    expect(await node.must(['wait', 'big'])).toBe('137\n')
    expect(await node.must(['inspect', '-f', '{{.State.OOMKilled}}', 'big'])).toBe('true\n')
    await node.must(['rm', 'big'])
  })

  test('hold for the steps of a build', async () => {
    const stdin = 'FROM busybox\nRUN cat /sys/fs/cgroup/memory.max\n'
    const build = ['build', '--no-cache', '--progress', 'plain', '-m', '64m', '-']
    const { code, stderr } = await node.cairn(build, { stdin })
    expect(code, stderr).toBe(0)
    expect(stderr).toContain(String(64 << 20))
  })

  test('a container without has no group, and cannot be paused', async () => {
    const id = (await node.must(['run', '-d', '--network', 'none', 'busybox', 'sleep', '1000'])).trim()
    expect(existsSync(scope(id))).toBe(false)
    const { code, stderr } = await node.cairn(['pause', id])
    expect([code, stderr]).toEqual([1, expect.stringContaining('no control group')])
    expect((await node.cairn(['update', '-m', '64m', id])).stderr).toContain('was started without limits')
    await node.must(['stop', '-t', '0', id])
    await node.must(['update', '-m', '64m', id])
    await node.must(['start', id])
    expect(await node.must(['exec', id, 'cat', '/sys/fs/cgroup/memory.max'])).toBe(`${64 << 20}\n`)
    await node.must(['rm', '-f', id])
  })
})
