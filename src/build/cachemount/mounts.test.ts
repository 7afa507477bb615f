import { expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { lacking, needsRoot, skipReason, tempDir } from '#testkit'
import { openCacheMounts } from './mounts.ts'

const name = { id: 'things', namespace: '', mode: 0o755, uid: 0, gid: 0 }
const skip = skipReason('cache mounts', needsRoot(), lacking('flock'))

test.skipIf(skip)('shared, private, locked; what is in use is neither removed nor replaced', async () => {
  using dir = tempDir()
  const mounts = openCacheMounts(join(dir.path, 'cachemounts'))
  const workDir = join(dir.path, 'work')
  expect(mounts.list()).toEqual([])
  const one = await mounts.acquire(name, { sharing: 'shared', workDir })
  using two = await mounts.acquire(name, { sharing: 'shared', workDir })
  expect(two.path).toBe(one.path)
  const alone = await mounts.acquire(name, { sharing: 'private', workDir })
  expect(alone.path).not.toBe(one.path)
  using another = await mounts.acquire(name, { sharing: 'private', workDir })
  expect(another.path).not.toBe(alone.path)
  alone[Symbol.dispose]()
  using again = await mounts.acquire(name, { sharing: 'private', workDir })
  expect(again.path).toBe(alone.path)
  const [info] = mounts.list()
  expect(info).toMatchObject({ ...name, inUse: true, paths: { length: 3 } })
  expect(mounts.remove(info!.key)).toBe(false)
  const made = join(dir.path, 'made')
  mkdirSync(made)
  expect(mounts.replace(name, made)).toBe(false)
  const stop = new AbortController()
  const waiting = mounts.acquire(name, { sharing: 'locked', workDir }, { signal: stop.signal })
  stop.abort()
  expect(waiting).rejects.toThrow('canceled')
  one[Symbol.dispose]()
})

test.skipIf(skip)('whoever waits while it is removed gets a new one; a lock held elsewhere counts', async () => {
  using dir = tempDir()
  const root = join(dir.path, 'cachemounts')
  const mounts = openCacheMounts(root)
  const workDir = join(dir.path, 'work')
  const fill = async (directory: string): Promise<void> => writeFileSync(join(directory, 'f'), 'begun')
  const first = await mounts.acquire(name, { sharing: 'locked', workDir, fill })
  writeFileSync(join(first.path, 'g'), '')
  first[Symbol.dispose]()
  const [info] = mounts.list()
  const holder = Bun.spawn(['flock', '-x', `${info!.paths[0]!}.lock`, 'sh', '-c', 'echo held; read _'], {
    stdin: 'pipe',
    stdout: 'pipe',
  })
  await holder.stdout.getReader().read()
  expect(mounts.list()[0]!.inUse).toBe(true)
  expect(mounts.remove(info!.key)).toBe(false)
  const waiting = mounts.acquire(name, { sharing: 'shared', workDir, fill })
  void holder.stdin.end()
  await holder.exited
  using held = await waiting
  expect(readdirSync(held.path).toSorted()).toEqual(['f', 'g'])
  held[Symbol.dispose]()
  expect(mounts.remove(info!.key)).toBe(true)
  expect(existsSync(held.path)).toBe(false)
  using fresh = await mounts.acquire(name, { sharing: 'shared', workDir, fill })
  expect(readFileSync(join(fresh.path, 'f'), 'utf8')).toBe('begun')
  expect(readdirSync(fresh.path)).toEqual(['f'])
  expect(readdirSync(root)).toEqual([info!.key])
})
