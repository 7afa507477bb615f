import { describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempDir } from '#testkit'
import { hostNames } from './network/table.ts'
import { openNode } from './node.ts'
import { openParts } from './parts.ts'
import { createWorkDir, sweepWorkDirs } from './system/workdir.ts'

describe('a node', () => {
  test('costs nothing until it is asked something', async () => {
    using dir = tempDir()
    await using node = openNode({ root: join(dir.path, 'root'), run: join(dir.path, 'run') })
    expect(existsSync(join(dir.path, 'root'))).toBe(false)
    expect(await node.containers.list()).toEqual([])
    expect(existsSync(join(dir.path, 'root/cairn.db'))).toBe(true)
    expect(existsSync(join(dir.path, 'root/content'))).toBe(false)
  })

  test('says what it does not have', async () => {
    using dir = tempDir()
    await using node = openNode({ root: join(dir.path, 'root'), run: join(dir.path, 'run') })
    const failure = async (work: Promise<unknown>): Promise<string> =>
      work.then(
        () => 'none',
        (error: Error) => error.message,
      )
    expect(await failure(node.containers.stop('nobody'))).toBe('no such container: nobody')
    expect(await failure(node.images.inspect('nothing'))).toBe('no such image: nothing')
    expect(await failure(node.volumes.inspect('none'))).toBe('no such volume: none')
    expect(await failure(node.containers.create({ image: 'x', network: 'nowhere' }))).toBe('network nowhere not found')
    expect(await failure(node.volumes.create('bad/name'))).toContain('invalid characters')
    expect((await node.networks.list()).map(({ name }) => name)).toEqual(['bridge', 'host', 'none'])
  })

  test('volumes are made, listed and removed', async () => {
    using dir = tempDir()
    await using node = openNode({ root: join(dir.path, 'root'), run: join(dir.path, 'run') })
    const { path } = await node.volumes.create('data', { a: 'b' })
    expect((await node.volumes.create('data')).path).toBe(path)
    await node.volumes.create()
    expect((await node.volumes.list()).filter(({ anonymous }) => anonymous)).toHaveLength(1)
    expect((await node.volumes.prune()).removed).toHaveLength(1)
    await node.volumes.remove('data')
    expect(existsSync(path)).toBe(false)
  })
})

test('work directories of processes that were killed are swept, of living ones not', async () => {
  using dir = tempDir()
  const parts = openParts({ root: dir.path, run: join(dir.path, 'run') })
  using own = await createWorkDir(parts, 'build')
  const dead = join(dir.path, 'work/build.999999999.5.abcd')
  mkdirSync(dead)
  writeFileSync(join(dead, 'file'), 'x')
  await sweepWorkDirs(parts)
  expect(existsSync(dead)).toBe(false)
  expect(existsSync(own.path)).toBe(true)
  parts.close()
})

test('stores on one host have names of their own, that fit an interface', () => {
  expect(hostNames('/var/lib/cairn').bridge).toBe('cairn0')
  const [one, two] = [hostNames('/a'), hostNames('/b')]
  expect(one.bridge).not.toBe(two.bridge)
  expect(one.bridge.length).toBeLessThanOrEqual(15)
})
