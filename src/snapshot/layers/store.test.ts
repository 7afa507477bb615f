import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { collect, isCode, streamOf } from '#base'
import { gzip, writeTar, type Expansion, type TarEntry, type TarInput } from '#codec'
import { openDatabase, openLocalStore, type Database } from '#content'
import { digestOf, MediaType, type Descriptor, type Digest } from '#oci'
import { applyMounts, enterPrivateMounts, unmount, type Mount } from '#sys'
import { changeTree, readTree, timeBox, treeChanges } from '#testkit'
import { differ } from '../differ/differ.ts'
import { createSnapshotter } from '../snapshotter.ts'
import type { LayerFormat, RootFs } from '../types.ts'
import { openLayerStore } from './store.ts'
import type { DiskLayers } from './types.ts'

const root = process.getuid?.() === 0
const FORMATS: readonly LayerFormat[] = ['erofs', 'erofs-loop', 'directory']
const LOOSE = { withoutDirectoryTimes: true, withoutXattrs: ['trusted.overlay.'] }

/** A store of its own in a directory of its own. */
interface Bench extends Disposable {
  readonly dir: string
  readonly db: Database
  readonly layers: DiskLayers
  /** Lays layers over each other and looks at the result. */
  show(digests: readonly Digest[], look: (root: RootFs) => void | Promise<void>, view?: boolean): Promise<void>
}

let sequence = 0

function bench(format: LayerFormat, expansion?: Expansion): Bench {
  const dir = join(tmpdir(), `cairn-layers-${process.pid}-${++sequence}`)
  mkdirSync(dir)
  const db = openDatabase(join(dir, 'cairn.db'))
  const layers = openLayerStore({ root: dir, run: join(dir, 'run'), db, format, ...(expansion && { expansion }) })
  const snapshots = createSnapshotter({ run: join(dir, 'run'), layers })
  return {
    dir,
    db,
    layers,
    async show(digests, look, view = false) {
      const at = join(dir, `c${++sequence}`)
      const fs = view ? await snapshots.view(at, digests) : await snapshots.prepare(at, digests, { volatile: true })
      applyMounts(fs.mounts)
      try {
        await look(fs)
      } finally {
        for (const mount of fs.mounts.toReversed()) unmount(mount.target)
      }
    },
    [Symbol.dispose]() {
      db.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

function tarOf(...entries: readonly (Partial<TarEntry> & { path: string; text?: string })[]): Promise<Uint8Array> {
  const inputs = entries.map(({ text, ...entry }): TarInput => {
    const bytes = new TextEncoder().encode(text ?? '')
    const whole: TarEntry = {
      type: 'file',
      mode: 0o644,
      uid: 0,
      gid: 0,
      mtime: 1_000_000_000n,
      size: bytes.length,
      ...entry,
    }
    return { entry: whole, data: streamOf(bytes) }
  })
  return collect(writeTar(inputs), 1 << 24)
}

async function described(bytes: Uint8Array, mediaType: string = MediaType.ociLayer): Promise<Descriptor> {
  return { mediaType, digest: await digestOf(bytes), size: bytes.length }
}

/** Twice, so that chunks and whole buffers are not the same thing. */
async function* chunked(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array, void, void> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function refusal(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'no refusal',
    (error: unknown) => error,
  )
}

async function addAll(layers: DiskLayers, tars: readonly Uint8Array[]): Promise<Digest[]> {
  const digests: Digest[] = []
  for (const tar of tars) digests.push((await layers.create(chunked(tar))).diffId)
  return digests
}

/** What extracting the tars one over the other gives. */
async function extracted(dir: string, tars: readonly Uint8Array[]): Promise<Map<string, string>> {
  const copy = join(dir, `x${++sequence}`)
  mkdirSync(copy)
  for (const tar of tars) await differ.apply(streamOf(tar), copy)
  return readTree(copy, LOOSE)
}

beforeAll(() => {
  if (root) enterPrivateMounts()
})

afterAll(() => {
  if (root) expect(execFileSync('losetup', ['-a'], { encoding: 'utf8' })).not.toContain('cairn-layers-')
})

test('a bomb is refused by what it becomes, and leaves nothing; the same bytes uncompressed are taken', async () => {
  using b = bench('erofs', { bytes: 50_000, ratio: 10 })
  const tar = await tarOf({ path: 'zeros', text: '\0'.repeat(200_000) })
  const blob = await collect(gzip(streamOf(tar)), 1 << 20)
  const [diffId, descriptor] = [await digestOf(tar), await described(blob, MediaType.ociLayerGzip)]
  const store = openLocalStore({ root: b.dir, db: b.db })
  const refused = b.layers.add({ descriptor, diffId }, async () => chunked(blob), store)
  expect(await refused.catch((error: unknown) => isCode(error, 'resource_exhausted'))).toBe(true)
  const imported = b.layers.create(chunked(blob))
  expect(await imported.catch((error: unknown) => isCode(error, 'resource_exhausted'))).toBe(true)
  expect(readdirSync(join(b.dir, 'layers/tmp'))).toEqual([])
  const plain = { mediaType: MediaType.ociLayer, digest: diffId, size: tar.length }
  expect(await b.layers.add({ descriptor: plain, diffId }, async () => chunked(tar))).toMatchObject({ diffId })
})

for (const format of FORMATS)
  describe.skipIf(!root)(`needs root: layers as ${format}`, () => {
    test('added by two at once, it is whole for both', async () => {
      using b = bench(format)
      const other = openLayerStore({ root: b.dir, run: join(b.dir, 'run'), db: b.db, format })
      const text = 'x'.repeat(20_000)
      const tar = await tarOf(...Array.from({ length: 200 }, (_, i) => ({ path: `f${i}`, text })))
      const diffId = await digestOf(tar)
      const descriptor = { mediaType: MediaType.ociLayer, digest: diffId, size: tar.length }
      const add = (layers: DiskLayers): ReturnType<DiskLayers['add']> =>
        layers.add({ descriptor, diffId }, async () => chunked(tar))
      const [one, two] = await Promise.all([add(b.layers), add(other)])
      expect(one).toEqual(two)
      await b.layers.verify(diffId)
      await b.show([diffId], ({ path }) => expect(readdirSync(path)).toHaveLength(200))
    })
    test('a compressed blob is stored in one pass, kept, mounted and served again', async () => {
      using b = bench(format)
      const store = openLocalStore({ root: b.dir, db: b.db })
      const tar = await tarOf({ path: 'etc', type: 'directory', mode: 0o755 }, { path: 'etc/hello', text: 'hello\n' })
      const blob = await collect(gzip(streamOf(tar)), 1 << 20)
      const descriptor = await described(blob, MediaType.ociLayerGzip)
      const diffId = await digestOf(tar)
      const info = await b.layers.add({ descriptor, diffId }, async () => chunked(blob), store)
      expect(info).toMatchObject({ diffId, tarSize: tar.length })
      expect(await store.has(descriptor)).toBe(true)
      const again = await b.layers.add({ descriptor, diffId }, () => Promise.reject(new Error('read twice')), store)
      expect(again).toEqual(info)
      const served = { mediaType: MediaType.ociLayer, digest: diffId, size: tar.length }
      expect(await collect(await b.layers.open(served), 1 << 20)).toEqual(tar)
      expect(await collect(await b.layers.open(served, { offset: 700 }), 1 << 20)).toEqual(tar.slice(700))
      expect([...b.layers.list()]).toEqual([info])
      await b.show([diffId], ({ path }) => expect(readFileSync(join(path, 'etc/hello'), 'utf8')).toBe('hello\n'))
      await b.show(
        [diffId],
        ({ path }) => {
          expect(readFileSync(join(path, 'etc/hello'), 'utf8')).toBe('hello\n')
          expect(() => writeFileSync(join(path, 'new'), '')).toThrow('EROFS')
        },
        true,
      )
      await b.layers.remove(diffId)
      expect(b.layers.stat(diffId)).toBeUndefined()
      expect(readdirSync(join(b.dir, 'layers/sha256'))).toEqual([])
    })

    test('no layers at all: an empty root', async () => {
      using b = bench(format)
      await b.show([], ({ path, upper }) => {
        writeFileSync(join(path, 'new'), 'x')
        expect(readdirSync(upper ?? '')).toEqual(['new'])
      })
      await b.show([], ({ path }) => expect(readdirSync(path)).toEqual([]), true)
    })

    test('bytes that are not what was promised leave nothing', async () => {
      using b = bench(format)
      const store = openLocalStore({ root: b.dir, db: b.db })
      const tar = await tarOf({ path: 'a', text: 'a' })
      const descriptor = await described(tar)
      const other = await digestOf(new Uint8Array(1))
      const refused = [
        b.layers.add({ descriptor, diffId: other }, async () => chunked(tar)),
        b.layers.add({ descriptor: { ...descriptor, digest: other }, diffId: descriptor.digest }, async () =>
          chunked(tar),
        ),
        b.layers.add(
          { descriptor: { ...descriptor, digest: other }, diffId: descriptor.digest },
          async () => chunked(tar),
          store,
        ),
        b.layers.add({ descriptor: { ...descriptor, size: 10 }, diffId: descriptor.digest }, async () => chunked(tar)),
        b.layers.add({ descriptor, diffId: descriptor.digest }, async () => chunked(tar.subarray(0, 600))),
      ]
      // All at once: one that is refused before it is waited for would be nobody's.
      for (const work of await Promise.all(refused.map(refusal))) expect(isCode(work, 'data_loss')).toBe(true)
      expect(readdirSync(join(b.dir, 'layers/sha256'))).toEqual([])
      expect(readdirSync(join(b.dir, 'layers/tmp'))).toEqual([])
      expect([...b.layers.list()]).toEqual([])
    })

    test('one flipped byte anywhere is found before the layer is used', async () => {
      using b = bench(format)
      const [diffId = 'sha256:'] = await addAll(b.layers, [await tarOf({ path: 'a', text: 'content' })])
      const file = join(b.dir, 'layers/sha256', `${diffId.slice(7)}.erofs`)
      const size = statSync(file).size
      const whole = readFileSync(file)
      for (const at of [0, 1024, 1100, 4095, 4096, 4700, size - 600, size - 1]) {
        const damaged = Buffer.from(whole)
        damaged[at] = (damaged[at] ?? 0) ^ 1
        writeFileSync(file, damaged)
        expect(isCode(await refusal(b.layers.verify(diffId)), 'data_loss')).toBe(true)
        expect(isCode(await refusal(b.show([diffId], () => undefined)), 'data_loss')).toBe(true)
      }
      writeFileSync(file, whole)
      await b.layers.verify(diffId)
      utimesSync(file, 1, 1)
      await b.layers.verify(diffId)
      rmSync(file)
      expect(b.layers.stat(diffId)).toBeUndefined()
    })

    test('a damaged layer is whole again after it was added again', async () => {
      using b = bench(format)
      const tar = await tarOf({ path: 'a', text: 'content' })
      const [diffId = 'sha256:'] = await addAll(b.layers, [tar])
      const file = join(b.dir, 'layers/sha256', `${diffId.slice(7)}.erofs`)
      const damaged = readFileSync(file)
      damaged[5000] = 1
      rmSync(file)
      writeFileSync(file, damaged)
      await b.layers.add({ descriptor: await described(tar), diffId }, async () => chunked(tar))
      await b.layers.verify(diffId)
      expect(readFileSync(file)).not.toEqual(damaged)
    })

    test('chains look like their tars extracted one over the other', async () => {
      for (const [name, tars] of Object.entries(await CHAINS())) {
        using b = bench(format)
        const digests = await addAll(b.layers, tars)
        const wanted = await extracted(b.dir, tars)

        const look = ({ path }: RootFs): void => expect([name, readTree(path, LOOSE)]).toEqual([name, wanted])
        await b.show(digests, look)
        await b.show(digests, look, true)
      }
    })

    test('random chains look like their tars extracted one over the other', async () => {
      const over = timeBox(2000)
      await fc.assert(
        fc.asyncProperty(fc.array(treeChanges(25), { minLength: 1, maxLength: 4 }), async (steps) => {
          if (over()) return
          using b = bench(format)
          const digests: Digest[] = []
          const tars: Uint8Array[] = []
          for (const changes of steps)
            await b.show(digests, async ({ path, upper = '', mounts }) => {
              changeTree(path, changes)
              const tar = await collect(differ.compare(upper, { lower: lowerOf(mounts) }), 1 << 26)
              tars.push(tar)
              digests.push((await b.layers.create(streamOf(tar))).diffId)
            })
          const wanted = await extracted(b.dir, tars)
          await b.show(digests, ({ path }) => expect(readTree(path, LOOSE)).toEqual(wanted))
        }),
        { numRuns: 30 },
      )
    }, 20_000)
  })

function lowerOf(mounts: readonly Mount[]): readonly string[] {
  return mounts.flatMap((mount) => (mount.type === 'overlay' ? mount.lower : []))
}

const dir = (path: string, more: Partial<TarEntry> = {}): TarEntry => ({
  type: 'directory', path, mode: 0o755, uid: 0, gid: 0, mtime: 1_500_000_000n, size: 0, ...more }) // prettier-ignore
const link = (path: string, linkname: string): { path: string; type: 'symlink' | 'hardlink'; linkname: string } => ({
  path, type: 'symlink', linkname }) // prettier-ignore
const hard = (path: string, linkname: string): { path: string; type: 'hardlink'; linkname: string } => ({
  path, type: 'hardlink', linkname }) // prettier-ignore

/** Chains that need more than overlayfs: each of what layer tools leave out. */
async function CHAINS(): Promise<Record<string, Uint8Array[]>> {
  const acl = new Map([['user.mark', new Uint8Array([1])]])
  return {
    'whiteouts, opaque directories and replacements': [
      await tarOf(
        dir('a'),
        { path: 'a/x', text: '1' },
        { path: 'a/y', text: '1' },
        dir('b'),
        { path: 'b/x', text: '1' },
        { path: 'c' },
      ),
      await tarOf(dir('a'), { path: 'a/.wh.x' }, dir('b'), { path: 'b/.wh..wh..opq' }, { path: 'b/z' }, dir('c'), {
        path: 'c/d',
      }),
    ],
    'a whiteout in a directory of one layer': [
      await tarOf(dir('a')),
      await tarOf(dir('only'), { path: 'only/.wh.gone' }, { path: 'only/there' }),
    ],
    'implied parents': [
      await tarOf(dir('opt', { mode: 0o750, uid: 7, xattrs: acl }), dir('opt/sub', { mode: 0o1777 })),
      await tarOf({ path: 'opt/sub/file', text: '2' }, { path: 'opt/new/file', text: '2' }),
      await tarOf({ path: 'opt/sub/other', text: '3' }),
    ],
    'an implied parent that a later layer describes, and one that it removes': [
      await tarOf(dir('p', { mode: 0o700 }), dir('q', { mode: 0o700 })),
      await tarOf({ path: 'p/a' }, { path: 'q/a' }),
      await tarOf(dir('p', { mode: 0o711 }), { path: '.wh.q' }),
    ],
    'a path through a lower symlink': [
      await tarOf(
        dir('usr'),
        dir('usr/bin'),
        { path: 'usr/bin/old', text: '1' },
        link('bin', 'usr/bin'),
        link('abs', '/usr'),
      ),
      await tarOf(
        { path: 'bin/new', text: '2', mode: 0o755 },
        { path: 'abs/lib/deep', text: '2' },
        { path: 'bin/.wh.old' },
      ),
      await tarOf({ path: 'usr/bin/new', text: '3' }),
    ],
    'hard links to files of other layers': [
      await tarOf({ path: 'one', text: 'one', mode: 0o600, xattrs: acl }, hard('same', 'one'), {
        path: 'two',
        text: 'two',
      }),
      await tarOf(hard('three', 'one'), hard('dir/four', 'two')),
      await tarOf({ path: 'two', text: 'new two' }, hard('five', 'dir/four')),
    ],
    'the root opaque': [
      await tarOf(dir('a'), { path: 'a/x' }, { path: 'b' }),
      await tarOf({ path: '.wh..wh..opq' }, { path: 'c' }),
    ],
    'one layer twice': [
      await tarOf({ path: 'a', text: 'a' }),
      await tarOf({ path: 'a', text: 'b' }),
      await tarOf({ path: 'a', text: 'a' }),
    ],
    'forty layers': await Promise.all(
      Array.from({ length: 40 }, (_, i) => tarOf({ path: `f${i}`, text: `${i}` }, { path: 'all', text: `${i}` })),
    ),
  }
}
