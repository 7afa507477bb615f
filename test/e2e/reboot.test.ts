import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { randomUUID } from 'node:crypto'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cairnNode, lacking, must, needsRoot, run, skipReason, tempDir, type TempDir, type TestNode } from '#testkit'

const skip = skipReason('a boot', needsRoot(), lacking('crun', 'conmon', 'pgrep'))

describe.skipIf(skip)('after a boot', () => {
  let node: TestNode
  let dir: TempDir
  beforeAll(async () => {
    dir = tempDir()
    node = await cairnNode()
  }, 60_000)
  afterAll(async () => {
    expect(node.leftovers()).toEqual([])
    await node[Symbol.asyncDispose]()
    dir[Symbol.dispose]()
  })

  /** What a boot does to a node: nothing of it runs, `/run` is empty, and the kernel has another boot ID. */
  const boot = async (): Promise<(...args: readonly string[]) => Promise<string>> => {
    const running = (await node.must(['ps', '-q'])).split('\n').filter(Boolean)
    const inspected = running.map((id) => node.must(['inspect', '--format', '{{.State.Pid}}', id]))
    const monitors = (await must(['pgrep', '-f', `conmon.*${node.runDir}`])).split('\n').filter(Boolean)
    const pids = [...monitors, ...(await Promise.all(inspected))].map(Number)
    for (const pid of pids) process.kill(pid, 'SIGKILL')
    while (pids.some((pid) => existsSync(`/proc/${pid}/exe`))) await new Promise(setImmediate)
    rmSync(node.runDir, { recursive: true })
    const id = join(dir.path, 'boot_id')
    writeFileSync(id, `${randomUUID()}\n`)
    const booted = `mount --bind ${id} /proc/sys/kernel/random/boot_id; exec "$@"`
    return (...args) => must(['unshare', '--mount', 'sh', '-ec', booted, 'sh', ...node.argv(args)])
  }

  test('what ran has ended, what was kept can be started, what was to go is gone', async () => {
    const sleeping = ['busybox', 'sh', '-c', 'echo up; exec sleep 1000']
    await node.must(['create', '--name', 'made', 'busybox', 'true'])
    await node.must(['run', '-d', '--name', 'web', '-p', '127.0.0.1::80', ...sleeping])
    await node.must(['run', '-d', '--name', 'alone', '--network', 'none', ...sleeping])
    await node.must(['run', '-d', '--rm', '--name', 'passing', '--network', 'none', ...sleeping])

    const cairn = await boot()
    const listed = await cairn('ps', '-a', '--format', '{{.Names}} {{.Status}}')
    expect(
      listed
        .replaceAll(/ \d+ seconds? ago| Less than a second ago/g, '')
        .trim()
        .split('\n')
        .toSorted(),
    ).toEqual(['alone Exited (255)', 'made Created', 'web Exited (255)'])
    expect(node.leftovers()).toEqual([])
    expect(await cairn('logs', 'web')).toBe('up\n')
    expect(await cairn('start', 'web', 'alone')).toBe('web\nalone\n')
    expect(await cairn('exec', 'web', 'echo', 'in')).toBe('in\n')
    expect(await cairn('run', '--rm', 'busybox', 'echo', 'new')).toBe('new\n')
    await cairn('rm', '-f', 'made', 'alone', 'web')
    const { stdout } = await run(node.argv(['ps', '-aq']))
    expect(stdout).toBe('')
  })
})
