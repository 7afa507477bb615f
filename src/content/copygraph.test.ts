import { describe, expect, test } from 'bun:test'
import { collect, fail, streamOf, utf8 } from '#base'
import type { ByteStream, Progress } from '#base'
import { encodeDocument, MediaType } from '#oci'
import type { Descriptor, Digest } from '#oci'
import { blobOf, failure, patterned } from '#testkit'
import { copyGraph, onePlatform } from './copygraph.ts'
import type { ContentProvider } from './types.ts'
import { unionProvider } from './union.ts'

/** A store in memory that notes what it is asked. */
class Memory implements ContentProvider {
  readonly blobs = new Map<Digest, Uint8Array>()
  readonly log: string[] = []

  async add(mediaType: string, bytes: Uint8Array): Promise<Descriptor> {
    const d = { ...(await blobOf(bytes)), mediaType }
    this.blobs.set(d.digest, bytes)
    return d
  }

  async document(mediaType: string, value: object): Promise<Descriptor> {
    return this.add(mediaType, (await encodeDocument(mediaType, value)).bytes)
  }

  async image(...layers: readonly string[]): Promise<Descriptor> {
    const config = await this.add(MediaType.ociConfig, utf8(JSON.stringify({ layers })))
    const blobs = await Promise.all(layers.map((layer) => this.add(MediaType.ociLayer, utf8(layer))))
    return this.document(MediaType.ociManifest, { schemaVersion: 2, config, layers: blobs })
  }

  async has(d: Descriptor): Promise<boolean> {
    return this.blobs.has(d.digest)
  }

  async open(d: Descriptor): Promise<ByteStream> {
    this.log.push(`open ${d.digest}`)
    return streamOf(this.blobs.get(d.digest) ?? fail('not_found', d.digest))
  }

  async put(d: Descriptor, bytes: ByteStream): Promise<void> {
    this.log.push(`put ${d.digest}`)
    this.blobs.set(d.digest, await collect(bytes, d.size))
  }
}

describe('copyGraph', () => {
  test('copies all that a root reaches: children before parents, each once, bytes unchanged', async () => {
    const from = new Memory()
    const manifests = [await from.image('base', 'one'), await from.image('base', 'two')]
    const root = await from.document(MediaType.ociIndex, { schemaVersion: 2, manifests })
    const to = new Memory()
    await copyGraph(from, to, root, { concurrency: 3 })
    expect(to.blobs).toEqual(from.blobs)
    expect(from.log.length).toBe(new Set(from.log).size)
    expect(to.log.at(-1)).toBe(`put ${root.digest}`)
    for (const m of manifests) {
      const at = to.log.indexOf(`put ${m.digest}`)
      const { config, layers } = JSON.parse(new TextDecoder().decode(from.blobs.get(m.digest)))
      for (const child of [config, ...layers]) expect(to.log.indexOf(`put ${child.digest}`)).toBeLessThan(at)
    }
  })

  test('heals a destination that has the root but lacks a leaf, and skips the leaves that it has', async () => {
    const from = new Memory()
    const root = await from.image('a', 'b')
    const to = new Memory()
    await copyGraph(from, to, root)
    const lost = (await blobOf(utf8('b'))).digest
    to.blobs.delete(lost)
    to.log.length = 0
    const skipped: Digest[] = []
    await copyGraph(from, to, root, { onSkip: (leaf) => skipped.push(leaf.digest) })
    expect(to.log).toEqual([`put ${lost}`])
    expect(skipped).toHaveLength(2)
  })

  test('takes one platform of an index, and says which there are', async () => {
    const from = new Memory()
    const amd64 = { ...(await from.image('x')), platform: { os: 'linux', architecture: 'amd64' } }
    const arm64 = { ...(await from.image('y')), platform: { os: 'linux', architecture: 'arm64' } }
    const root = await from.document(MediaType.ociIndex, { schemaVersion: 2, manifests: [amd64, arm64] })
    const to = new Memory()
    await copyGraph(from, to, root, { select: onePlatform({ os: 'linux', architecture: 'arm64' }) })
    expect(to.blobs.has(root.digest)).toBe(true)
    expect(to.blobs.has(arm64.digest)).toBe(true)
    expect(to.blobs.has(amd64.digest)).toBe(false)
    const missing = copyGraph(from, new Memory(), root, { select: onePlatform({ os: 'linux', architecture: 's390x' }) })
    expect((await failure(missing, 'not_found')) as object).toMatchObject({ hint: 'it has: linux/amd64, linux/arm64' })
  })

  test('leases before it asks, leaves out what it is told to, reports bytes', async () => {
    const from = new Memory()
    const root = await from.image('x')
    const leased: Digest[] = []
    const records: Progress[] = []
    const to = new Memory()
    const has = to.has.bind(to)
    to.has = (d) => {
      expect(leased).toContain(d.digest)
      return has(d)
    }
    await copyGraph(from, to, root, {
      lease: { id: 'x', add: (d) => leased.push(d), [Symbol.asyncDispose]: async () => undefined },
      exclude: (leaf) => leaf.mediaType === MediaType.ociLayer,
      progress: (record) => records.push(record),
    })
    expect(to.blobs.size).toBe(2)
    expect(records.at(-1)).toMatchObject({ kind: 'status', done: true, unit: 'bytes' })
  })

  test('a layer that may not be distributed may be absent', async () => {
    const from = new Memory()
    const foreign = { ...(await blobOf(utf8('w'))), mediaType: MediaType.ociLayer, urls: ['https://example.com/w'] }
    const config = await from.add(MediaType.ociConfig, utf8('{}'))
    const root = await from.document(MediaType.ociManifest, { schemaVersion: 2, config, layers: [foreign] })
    const to = new Memory()
    await copyGraph(from, to, root)
    expect(to.blobs.size).toBe(2)
  })

  test('stops all work at the first failure, which is the one told', async () => {
    const from = new Memory()
    const root = await from.image(...Array.from({ length: 40 }, (_, i) => `layer ${i}`))
    from.blobs.delete((await blobOf(utf8('layer 3'))).digest)
    const to = new Memory()
    await failure(copyGraph(from, to, root, { concurrency: 2 }), 'not_found')
    expect(to.log.length).toBeLessThan(10)
    expect(to.blobs.has(root.digest)).toBe(false)
    await failure(copyGraph(from, to, root, { signal: AbortSignal.abort() }), 'canceled')
  })

  test('a provider that lies about a document is not believed', async () => {
    const from = new Memory()
    const root = await from.image('x')
    const honest = from.blobs.get(root.digest)!
    from.blobs.set(root.digest, utf8(new TextDecoder().decode(honest).replace('"layers"', '"LAYERS"')))
    await failure(copyGraph(from, new Memory(), root), 'data_loss')
    from.blobs.set(root.digest, patterned(honest.length + 1))
    await failure(copyGraph(from, new Memory(), root), 'resource_exhausted')
    await failure(copyGraph(from, new Memory(), { ...root, size: 2 ** 40 }), 'resource_exhausted')
  })

  test('an index a hundred levels deep is refused', async () => {
    const from = new Memory()
    let root = await from.image('x')
    for (let i = 0; i < 100; i++)
      root = await from.document(MediaType.ociIndex, { schemaVersion: 2, manifests: [root] })
    expect((await failure(copyGraph(from, new Memory(), root), 'resource_exhausted')).message).toMatch(/deeper/)
  })

  test('a manifest that is also named as a layer is still walked', async () => {
    const from = new Memory()
    const inner = await from.image('x')
    const outer = await from.document(MediaType.ociManifest, {
      schemaVersion: 2,
      config: await from.add(MediaType.ociConfig, utf8('{}')),
      layers: [{ ...inner, mediaType: MediaType.ociLayer }],
    })
    const root = await from.document(MediaType.ociIndex, { schemaVersion: 2, manifests: [outer, inner] })
    const to = new Memory()
    await copyGraph(from, to, root)
    expect(to.blobs.has((await blobOf(utf8('x'))).digest)).toBe(true)
  })
})

test('a union serves from the first provider that has the blob', async () => {
  const [a, b] = [new Memory(), new Memory()]
  const x = await a.add('a/b', utf8('x'))
  const y = await b.add('a/b', utf8('y'))
  const both = unionProvider(a, b)
  expect(await both.has(x)).toBe(true)
  expect(await collect(await both.open(y), 1)).toEqual(utf8('y'))
  await failure(both.open(await blobOf(utf8('z'))), 'not_found')
  expect(a.log).toEqual([])
})
