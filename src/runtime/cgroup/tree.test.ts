import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { accessSync, constants, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cgroupMode, CGROUP_ROOT, containerGroup } from './mode.ts'
import { cgroupDirs, cgroupProcesses, killCgroup, removeCgroups } from './tree.ts'

setDefaultTimeout(30_000)

function writable(): boolean {
  try {
    accessSync(CGROUP_ROOT, constants.W_OK)
    return process.getuid?.() === 0
  } catch {
    return false
  }
}

const group = `/cairn-test-${process.pid}`
const roots = (): string[] =>
  cgroupMode() === 'v2'
    ? [CGROUP_ROOT]
    : ['pids', 'freezer', 'memory'].map((name) => join(CGROUP_ROOT, name)).filter((dir) => existsSync(dir))

/** Moves itself into the group and its child, then goes on forking. */
function bomb(): Bun.Subprocess {
  for (const root of roots()) mkdirSync(join(root, group, 'child'), { recursive: true })
  const join_ = roots()
    .map((root) => `echo $$ > ${join(root, group, 'child')}/cgroup.procs`)
    .join('; ')
  return Bun.spawn(
    ['sh', '-c', `${join_}; echo in; for i in 1 2 3; do (while :; do sleep 0.01 & wait; done) & done; sleep 1000`],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  )
}

describe.skipIf(!writable())('control groups (needs root and a writable cgroup file system)', () => {
  afterEach(async () => {
    await removeCgroups(group)
    expect(cgroupDirs(group)).toEqual([])
    for (const root of roots()) expect(readdirSync(root)).not.toContain(group.slice(1))
  })

  test('absent: nothing to kill, nothing to remove', async () => {
    expect(cgroupProcesses(group)).toEqual([])
    await killCgroup(group)
    await removeCgroups(group)
  })
  test('what forks all the time dies, and the group goes with all below it', async () => {
    const child = bomb()
    await (child.stdout as ReadableStream<Uint8Array>).getReader().read()
    expect(cgroupProcesses(group)).toContain(child.pid)
    await killCgroup(group)
    expect(cgroupProcesses(group)).toEqual([])
    expect(await child.exited).toBe(137)
  })
  test('removing kills first', async () => {
    const child = bomb()
    await (child.stdout as ReadableStream<Uint8Array>).getReader().read()
    await removeCgroups(group)
    await child.exited
  })
  test('a frozen one too (v1)', async () => {
    const child = bomb()
    await (child.stdout as ReadableStream<Uint8Array>).getReader().read()
    const freezer = join(CGROUP_ROOT, 'freezer', group, 'freezer.state')
    if (existsSync(freezer)) writeFileSync(freezer, 'FROZEN')
    await removeCgroups(group)
    await child.exited
  })
})

test.each(['', '/', 'cairn', '/../etc', '/a/../..'])('%j is no group of ours', (path) => {
  expect(() => cgroupDirs(path)).toThrow('no control group')
})
test('with v2 a container lies one group below its own, so that controllers stay', () => {
  expect(containerGroup('/cairn-x', 'v2')).toBe('/cairn-x/container')
  expect(containerGroup('/cairn-x', 'v1')).toBe('/cairn-x')
  expect(containerGroup('/cairn-x', 'hybrid')).toBe('/cairn-x')
})
