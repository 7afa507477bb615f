import { beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isCode, streamOf } from '#base'
import { writeTar, type TarEntry } from '#codec'
import { openDatabase } from '#content'
import type { Digest } from '#oci'
import { applyMounts, enterPrivateMounts, recordingKernel, unmount, type Mount } from '#sys'
import { tempDir } from '#testkit'
import { probeFormat } from './layers/probe.ts'
import { openLayerStore } from './layers/store.ts'
import type { DiskLayers } from './layers/types.ts'
import { createSnapshotter } from './snapshotter.ts'
import type { Snapshotter } from './types.ts'

const root = process.getuid?.() === 0

interface Bench extends Disposable {
  readonly dir: string
  readonly layers: DiskLayers
  readonly snapshots: Snapshotter
}

function bench(): Bench {
  const { path: dir, [Symbol.dispose]: dispose } = tempDir()
  const db = openDatabase(join(dir, 'cairn.db'))
  const layers = openLayerStore({ root: dir, run: join(dir, 'run'), db, format: 'erofs' })
  const close = (): void => {
    db.close()
    dispose()
  }
  return { dir, layers, snapshots: createSnapshotter({ run: join(dir, 'run'), layers }), [Symbol.dispose]: close }
}

async function layer(layers: DiskLayers, name: string): Promise<Digest> {
  const entry: TarEntry = { type: 'file', path: name, mode: 0o644, uid: 0, gid: 0, mtime: 0n, size: name.length }
  return (await layers.create(writeTar([{ entry, data: streamOf(Buffer.from(name)) }]))).diffId
}

function undo(mounts: readonly Mount[]): void {
  for (const mount of mounts.toReversed()) unmount(mount.target)
}

test('mounts are described, topmost layer first, and not made', async () => {
  using b = bench()
  const digests = [await layer(b.layers, 'base'), await layer(b.layers, 'top')]
  const { mounts, path, upper } = await b.snapshots.prepare(join(b.dir, 'c'), digests)
  const at = digests.map((digest) => join(b.dir, 'run/layers', digest.slice(7)))
  const kernel = recordingKernel()
  applyMounts(mounts, kernel)
  expect(kernel.calls.filter((call) => call.startsWith('overlay'))).toEqual([
    `overlay ${path} ${at.toReversed().join(':')} ${upper}`,
  ])
  expect(mounts.map((mount) => mount.target)).toEqual([...at, path])
  expect(readdirSync(join(b.dir, 'c')).sort()).toEqual(['rootfs', 'upper', 'work'])
})

test('a root has its place beside the upper directory, or where it is asked for', async () => {
  using b = bench()
  const at = join(b.dir, 'elsewhere')
  const { mounts, path } = await b.snapshots.prepare(join(b.dir, 'c'), [await layer(b.layers, 'base')], { at })
  expect([path, mounts.at(-1)?.target]).toEqual([at, at])
  expect(readdirSync(join(b.dir, 'c')).sort()).toEqual(['upper', 'work'])
})

test('a layer that is not there, or too many, are refused', async () => {
  using b = bench()
  const missing: Digest = `sha256:${'0'.repeat(64)}`
  const error = await b.snapshots.view(join(b.dir, 'c'), [missing]).catch((e: unknown) => e)
  expect(isCode(error, 'not_found')).toBe(true)
  expect(String(error)).toContain(missing)
})

test('usage counts bytes and files, links once', async () => {
  using b = bench()
  expect(await b.snapshots.usage(b.dir).catch((e: unknown) => isCode(e, 'not_found'))).toBe(true)
  mkdirSync(join(b.dir, 'upper/d'), { recursive: true })
  expect(await b.snapshots.usage(b.dir)).toEqual({ bytes: 0, inodes: 1 })
  writeFileSync(join(b.dir, 'upper/d/file'), 'x'.repeat(10_000))
  writeFileSync(join(b.dir, 'upper/sparse'), '')
  truncateSync(join(b.dir, 'upper/sparse'), 1e9)
  const { bytes, inodes } = await b.snapshots.usage(b.dir)
  expect(inodes).toBe(3)
  expect(bytes).toBeGreaterThanOrEqual(10_000)
  expect(bytes).toBeLessThan(100_000)
})

describe.skipIf(!root)('needs root: roots over layers', () => {
  beforeAll(() => enterPrivateMounts())

  test('120 layers; two roots share the layers’ mounts', async () => {
    using b = bench()
    const digests: Digest[] = []
    for (let i = 0; i < 120; i++) digests.push(await layer(b.layers, `file-${i}`))
    const one = await b.snapshots.prepare(join(b.dir, 'one'), digests, { volatile: true })
    const two = await b.snapshots.view(join(b.dir, 'two'), digests)
    applyMounts(one.mounts)
    applyMounts(two.mounts)
    expect(readdirSync(one.path)).toHaveLength(120)
    writeFileSync(join(one.path, 'file-3'), 'changed')
    expect(readFileSync(join(two.path, 'file-3'), 'utf8')).toBe('file-3')
    unmount(two.path)
    unmount(one.path)
    for (const mount of two.mounts) if (mount.type === 'erofs') expect(unmount(mount.target)).toBe(true)
    for (const mount of one.mounts) expect(unmount(mount.target)).toBe(false)
  }, 20_000)

  test('a stopped root is mounted again with its changes, volatile or not', async () => {
    using b = bench()
    const digests = [await layer(b.layers, 'base')]
    for (const volatile of [true, true, false]) {
      const fs = await b.snapshots.prepare(join(b.dir, 'c'), digests, { volatile })
      applyMounts(fs.mounts)
      writeFileSync(join(fs.path, 'log'), 'line\n', { flag: 'a' })
      undo(fs.mounts)
    }
    expect(readFileSync(join(b.dir, 'c/upper/log'), 'utf8')).toBe('line\n'.repeat(3))
  })

  test('the format is probed on the store’s own file system and remembered', () => {
    using dir = tempDir()
    const options = { root: join(dir.path, 'root'), run: join(dir.path, 'run') }
    const before = process.env.CAIRN_LAYERS
    delete process.env.CAIRN_LAYERS
    try {
      const format = probeFormat(options)
      expect(['erofs', 'erofs-loop', 'directory']).toContain(format)
      expect(readdirSync(join(options.root, 'layers'))).toEqual([])
      const note = join(options.run, 'layers/format')
      writeFileSync(note, readFileSync(note, 'utf8').replace(format, 'directory'))
      expect(probeFormat(options)).toBe('directory')
      writeFileSync(note, `another boot\ndirectory\n`)
      expect(probeFormat(options)).toBe(format)
      const tmpfs = join(dir.path, 'tmpfs')
      applyMounts([{ type: 'tmpfs', target: tmpfs }])
      try {
        // EROFS takes no file on tmpfs as it is.
        expect(probeFormat({ root: join(tmpfs, 'root'), run: join(tmpfs, 'run') })).not.toBe('erofs')
      } finally {
        unmount(tmpfs)
      }
      process.env.CAIRN_LAYERS = 'erofs-loop'
      expect(probeFormat(options)).toBe('erofs-loop')
      process.env.CAIRN_LAYERS = 'zip'
      expect(() => probeFormat(options)).toThrow('CAIRN_LAYERS=zip')
    } finally {
      delete process.env.CAIRN_LAYERS
      if (before !== undefined) process.env.CAIRN_LAYERS = before
    }
  })
})
