import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import fc from 'fast-check'
import { streamOf, utf8 } from '#base'
import { encodeDocument, MediaType } from '#oci'
import type { Descriptor, Digest } from '#oci'
import { blobOf, tempDir } from '#testkit'
import { openDatabase } from './database.ts'
import type { Database } from './database.ts'
import { collectGarbage, reachable } from './gc.ts'
import type { Garbage, GarbageOptions } from './gc.ts'
import { acquireLease } from './lease.ts'
import { openLocalStore } from './localstore.ts'
import type { LocalStore } from './localstore.ts'
import type { Root } from './mark.ts'

interface House extends Disposable {
  readonly db: Database
  readonly store: LocalStore
  readonly roots: Root[]
  sweep(options?: Partial<GarbageOptions>): Promise<Garbage>
  add(mediaType: string, bytes: Uint8Array): Promise<Descriptor>
  document(mediaType: string, value: object): Promise<Descriptor>
  image(name: string): Promise<Descriptor>
  digests(): Set<Digest>
}

const diffId = (name: string): Digest => `sha256:${Buffer.from(name).toString('hex').padEnd(64, '0').slice(0, 64)}`

function house(): House {
  const dir = tempDir()
  const db = openDatabase(join(dir.path, 'cairn.db'))
  const store = openLocalStore({ root: dir.path, db })
  const roots: Root[] = []
  const it: House = {
    db,
    store,
    roots,
    sweep: (options) => collectGarbage({ db, store, roots: () => roots, grace: -1000, ...options }),
    add: async (mediaType, bytes) => {
      const d = { ...(await blobOf(bytes)), mediaType }
      await store.put(d, streamOf(bytes))
      return d
    },
    document: async (mediaType, value) => it.add(mediaType, (await encodeDocument(mediaType, value)).bytes),
    image: async (name) => {
      const rootfs = { type: 'layers', diff_ids: [diffId(name)] }
      const config = await it.document(MediaType.ociConfig, { os: 'linux', architecture: 'amd64', rootfs })
      const layers = [
        await it.add(MediaType.ociLayerGzip, utf8(`layer of ${name}`)),
        await it.add(MediaType.ociLayerGzip, utf8('shared')),
      ]
      return it.document(MediaType.ociManifest, { schemaVersion: 2, config, layers })
    },
    digests: () => new Set([...store.entries()].map((e) => e.digest)),
    [Symbol.dispose]: () => {
      db.close()
      dir[Symbol.dispose]()
    },
  }
  return it
}

describe('gc', () => {
  test('keeps what roots reach and removes the rest', async () => {
    using h = house()
    const kept = await h.image('kept')
    const gone = await h.image('gone')
    const root = await h.document(MediaType.ociIndex, { schemaVersion: 2, manifests: [kept] })
    h.roots.push({ digest: root.digest, mediaType: root.mediaType, why: 'image app' })
    const dry = await h.sweep({ dryRun: true })
    expect(h.digests().size).toBe(8)
    const { removed, bytes, kept: reached } = await h.sweep()
    expect(removed.map((r) => r.digest).toSorted()).toEqual(dry.removed.map((r) => r.digest).toSorted())
    expect(removed).toHaveLength(3)
    expect(bytes).toBe(removed.reduce((sum, r) => sum + r.size, 0))
    expect(h.digests()).toEqual(new Set([...reached.digests()].filter((d) => d !== diffId('kept'))))
    expect(h.digests().has(gone.digest)).toBe(false)
    expect((await h.sweep()).removed).toEqual([])
  })

  test('tells why something is kept, layers on disk included', async () => {
    using h = house()
    const image = await h.image('x')
    h.roots.push({ digest: image.digest, mediaType: image.mediaType, why: 'image app' })
    const reached = reachable({ db: h.db, store: h.store, roots: () => h.roots })
    const layer = (await blobOf(utf8('shared'))).digest
    expect(reached.why(layer)).toEqual({ root: h.roots[0]!, path: [image.digest, layer] })
    expect(reached.why(diffId('x'))?.path).toHaveLength(3)
    expect(reached.why(diffId('y'))).toBeUndefined()
  })

  test('keeps what a lease holds, with all below it, and what is young', async () => {
    using h = house()
    const lease = acquireLease(h.db, 'pull')
    const image = await h.image('x')
    lease.add(image.digest)
    expect((await h.sweep()).removed).toEqual([])
    await lease[Symbol.asyncDispose]()
    expect((await h.sweep({ grace: 60_000 })).removed).toEqual([])
    expect((await h.sweep()).removed).toHaveLength(4)
  })

  test('a leased view leases what passes through it before it is visible', async () => {
    using h = house()
    await using lease = acquireLease(h.db, 'build')
    const view = h.store.leased(lease)
    const a = await blobOf(utf8('a'))
    await view.put(a, streamOf(utf8('a')))
    await using ingest = await view.ingest('b')
    await ingest.write(utf8('b'))
    const b = await ingest.commit('a/b')
    await h.add('a/b', utf8('c'))
    expect((await h.sweep()).removed).toHaveLength(1)
    expect(h.digests()).toEqual(new Set([a.digest, b.digest]))
  })

  test('sweeps other collections by the same mark', async () => {
    using h = house()
    const image = await h.image('x')
    h.roots.push({ digest: image.digest, why: 'image app' })
    const layers = new Map([diffId('x'), diffId('old')].map((digest) => [digest, { digest, size: 5, added: 0 }]))
    const { removed } = await h.sweep({
      collect: [h.store, { entries: () => [...layers.values()], remove: (digest) => void layers.delete(digest) }],
    })
    expect(removed).toEqual([{ digest: diffId('old'), size: 5, added: 0 }])
    expect([...layers.keys()]).toEqual([diffId('x')])
  })

  test('a damaged or hostile document refers to nothing and stops nothing', async () => {
    using h = house()
    const bad = await h.document(MediaType.ociIndex, { schemaVersion: 2, manifests: [{ digest: 'sha256:../x' }] })
    const deep = await h.add(MediaType.ociManifest, utf8('['.repeat(100_000)))
    h.roots.push({ digest: bad.digest, mediaType: bad.mediaType, why: 'image bad' }, { digest: deep.digest, why: 'x' })
    h.roots.push({ digest: diffId('absent'), mediaType: MediaType.ociIndex, why: 'image absent' })
    const orphan = await h.add('a/b', utf8('orphan'))
    expect((await h.sweep()).removed.map((r) => r.digest)).toEqual([orphan.digest])
  })

  test('any graph: exactly what is reachable stays', async () => {
    const graphs = fc.array(fc.array(fc.nat(30), { maxLength: 4 }), { minLength: 1, maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(graphs, fc.array(fc.nat(11), { maxLength: 3 }), async (graph, rootPicks) => {
        using h = house()
        const nodes: Descriptor[] = []
        // Node i refers to earlier nodes only: content-addressed graphs have no cycles.
        for (const [i, picks] of graph.entries()) {
          const manifests = picks.flatMap((pick) => (i === 0 ? [] : [nodes[pick % i]!]))
          nodes.push(await h.document(MediaType.ociIndex, { schemaVersion: 2, manifests, annotations: { i: `${i}` } }))
        }
        const expected = new Set<number>()
        const visit = (i: number): void => {
          if (expected.has(i)) return
          expected.add(i)
          if (i > 0) for (const pick of graph[i]!) visit(pick % i)
        }
        for (const pick of rootPicks) {
          const i = pick % graph.length
          h.roots.push({ digest: nodes[i]!.digest, why: `root ${i}` })
          visit(i)
        }
        await h.sweep()
        expect(h.digests()).toEqual(new Set([...expected].map((i) => nodes[i]!.digest)))
      }),
      { numRuns: 15 },
    )
  })

  test('writers in other processes that hold leases lose nothing to a collector that never rests', async () => {
    using h = house()
    const script = `
      import { acquireLease, copyGraph, openDatabase, openLocalStore, openNames } from '#content'
      import { streamOf, utf8 } from '#base'
      import { blobOf } from '#testkit'
      import { encodeDocument, MediaType } from '#oci'
      const [root, n] = process.argv.slice(1)
      const db = openDatabase(root)
      const store = openLocalStore({ root: root + '/..', db })
      const names = openNames(db)
      for (let i = 0; i < 15; i++) {
        await using lease = acquireLease(db, 'write')
        const leased = store.leased(lease)
        const layer = utf8('layer ' + (i % 5))
        const d = { ...(await blobOf(layer)), mediaType: MediaType.ociLayer }
        await leased.put(d, streamOf(layer))
        const m = await encodeDocument(MediaType.ociManifest, { schemaVersion: 2, config: d, layers: [d], annotations: { n, i: '' + i } })
        await leased.put(m.descriptor, streamOf(m.bytes))
        names.tag(m.descriptor, 'image-' + n + '-' + i)
      }
    `.replaceAll("root + '/..'", "root.slice(0, root.lastIndexOf('/'))")
    const writers = ['1', '2'].map((n) =>
      Bun.spawn([process.execPath, '-e', script, h.db.path, n], { cwd: import.meta.dir, stderr: 'inherit' }),
    )
    const { openNames } = await import('./names.ts')
    const names = openNames(h.db)
    const roots = (): Root[] => names.list().map(({ name = '', root }) => ({ digest: root.digest, why: name }))
    const done = Promise.all(writers.map((w) => w.exited))
    let running = true
    void done.finally(() => (running = false))
    while (running) {
      await h.sweep({ roots })
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await done).toEqual([0, 0])
    await h.sweep({ roots })
    const reached = reachable({ db: h.db, store: h.store, roots })
    expect(names.list()).toHaveLength(30)
    expect(h.digests()).toEqual(new Set(reached.digests()))
    expect(h.digests().size).toBe(35)
  })
})
