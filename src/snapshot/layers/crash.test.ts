import { beforeAll, describe, expect, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { collect, isCode, streamOf } from '#base'
import { gzip, writeTar, type TarEntry } from '#codec'
import { openDatabase, openLocalStore } from '#content'
import { digestOf, MediaType, type Descriptor, type Digest } from '#oci'
import { enterPrivateMounts } from '#sys'
import { openLayerStore } from './store.ts'

const root = process.getuid?.() === 0
const MiB = 1 << 20

interface Fixture {
  readonly tar: Uint8Array
  readonly layer: { readonly descriptor: Descriptor; readonly diffId: Digest }
}

/** A layer of one file with bytes that do not compress. */
async function fixture(size: number): Promise<Fixture> {
  const bytes = new Uint8Array(size)
  for (let at = 0; at < size; at += 65536) crypto.getRandomValues(bytes.subarray(at, at + 65536))
  const entry: TarEntry = { type: 'file', path: 'data', mode: 0o600, uid: 0, gid: 0, mtime: 0n, size }
  const tar = await collect(writeTar([{ entry, data: streamOf(bytes) }]), 2 * size + MiB)
  const diffId = await digestOf(tar)
  return { tar, layer: { descriptor: { mediaType: MediaType.ociLayer, digest: diffId, size: tar.length }, diffId } }
}

function open(dir: string): { layers: ReturnType<typeof openLayerStore>; db: ReturnType<typeof openDatabase> } {
  const db = openDatabase(join(dir, 'cairn.db'))
  return { db, layers: openLayerStore({ root: dir, run: join(dir, 'run'), db, format: 'erofs' }) }
}

/** A process that adds the layer in `<dir>/layer.tar`, saying `open` when it reads it; `stall` stops it half way. */
function adder(
  dir: string,
  { layer }: Fixture,
  stall = false,
): ReturnType<typeof Bun.spawn<'ignore', 'pipe', 'inherit'>> {
  const script = `
    import { readFileSync } from 'node:fs'
    import { openDatabase } from '${join(import.meta.dir, '../../content/index.ts')}'
    import { openLayerStore } from '${join(import.meta.dir, 'store.ts')}'
    const dir = ${JSON.stringify(dir)}
    const layers = openLayerStore({ root: dir, run: dir + '/run', db: openDatabase(dir + '/cairn.db'), format: 'erofs' })
    async function* blob() {
      console.log('open')
      const bytes = readFileSync(dir + '/layer.tar')
      for (let at = 0; at < bytes.length; at += 65536) {
        if (${stall} && at > bytes.length / 2) { console.log('half'); await new Promise((r) => setTimeout(r, 60_000)) }
        yield bytes.subarray(at, at + 65536)
      }
    }
    await layers.add(${JSON.stringify(layer)}, async () => blob())
    console.log('done')`
  return Bun.spawn([process.execPath, '-e', script], { stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' })
}

async function inTemp(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'cairn-crash-'))
  try {
    await work(dir)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

async function refusal(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'no refusal',
    (error: unknown) => error,
  )
}

test('processes that add one layer at once share the work', () =>
  inTemp(async (dir) => {
    const layer = await fixture(4 * MiB)
    writeFileSync(join(dir, 'layer.tar'), layer.tar)
    open(dir).db.close()
    const children = [1, 2, 3].map(() => adder(dir, layer))
    const outputs = await Promise.all(children.map((child) => new Response(child.stdout).text()))
    expect(outputs.map((text) => text.includes('done'))).toEqual([true, true, true])
    expect(outputs.filter((text) => text.includes('open'))).toHaveLength(1)
    const { layers, db } = open(dir)
    await layers.verify(layer.layer.diffId)
    db.close()
  }))

test('kill -9 in the middle leaves nothing that counts, and the next add works', () =>
  inTemp(async (dir) => {
    const layer = await fixture(2 * MiB)
    writeFileSync(join(dir, 'layer.tar'), layer.tar)
    const child = adder(dir, layer, true)
    for await (const chunk of child.stdout) if (Buffer.from(chunk).includes('half')) break
    child.kill('SIGKILL')
    await child.exited
    const { layers, db } = open(dir)
    expect(layers.stat(layer.layer.diffId)).toBeUndefined()
    expect(readdirSync(join(dir, 'layers/tmp'))).toHaveLength(1)
    writeFileSync(join(dir, 'layers/sha256', `${'a'.repeat(64)}.erofs`), 'renamed, but never recorded')
    layers.removeStale()
    expect([...readdirSync(join(dir, 'layers/tmp')), ...readdirSync(join(dir, 'layers/sha256'))]).toEqual([])
    const info = await layers.add(layer.layer, async () => streamOf(layer.tar))
    expect([...layers.list()]).toEqual([info])
    layers.removeStale()
    expect([...layers.list()]).toEqual([info])
    db.close()
  }))

test('a canceled add leaves nothing', () =>
  inTemp(async (dir) => {
    const layer = await fixture(2 * MiB)
    const { layers, db } = open(dir)
    const controller = new AbortController()
    async function* blob(): AsyncGenerator<Uint8Array, void, void> {
      yield layer.tar.subarray(0, MiB)
      controller.abort()
      yield layer.tar.subarray(MiB)
    }
    const error = await refusal(layers.add(layer.layer, async () => blob(), undefined, controller))
    expect(isCode(error, 'canceled')).toBe(true)
    expect(readdirSync(join(dir, 'layers/tmp'))).toEqual([])
    db.close()
  }))

describe.skipIf(!root || !Bun.which('mkfs.ext4'))('needs root and mkfs.ext4', () => {
  beforeAll(() => enterPrivateMounts())

  test('a full disk refuses a layer cleanly', () =>
    inTemp(async (dir) => {
      const image = join(dir, 'disk')
      const disk = join(dir, 'mnt')
      mkdirSync(disk)
      writeFileSync(image, '')
      truncateSync(image, 16 * MiB)
      execFileSync('mkfs.ext4', ['-q', image])
      execFileSync('mount', ['-o', 'loop', image, disk])
      try {
        const { layers, db } = open(disk)
        const store = openLocalStore({ root: disk, db })
        const large = await fixture(14 * MiB)
        const blob = await collect(gzip(streamOf(large.tar)), 20 * MiB)
        const descriptor = { mediaType: MediaType.ociLayerGzip, digest: await digestOf(blob), size: blob.length }
        const refused = [
          layers.add(large.layer, async () => streamOf(large.tar)),
          layers.add({ descriptor, diffId: large.layer.diffId }, async () => streamOf(blob), store),
          layers.create(streamOf(large.tar)),
        ]
        for (const work of await Promise.all(refused.map(refusal))) {
          expect(isCode(work, 'resource_exhausted') || work).toBe(true)
        }
        expect(readdirSync(join(disk, 'layers/tmp'))).toEqual([])
        expect(readdirSync(join(disk, 'layers/sha256'))).toEqual([])
        expect(readdirSync(join(disk, 'content/ingest'))).toEqual([])
        const small = await fixture(2 * MiB)
        await layers.add(small.layer, async () => streamOf(small.tar))
        await layers.verify(small.layer.diffId)
        db.close()
      } finally {
        execFileSync('umount', [disk])
      }
    }))
})
