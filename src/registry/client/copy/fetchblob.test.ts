import { afterAll, beforeAll, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { collect, streamOf } from '#base'
import { openDatabase, openLocalStore } from '#content'
import type { ContentProvider, LocalStore } from '#content'
import { openDirectoryStorage, serveRegistry } from '#registry/server'
import type { RunningRegistry } from '#registry/server'
import { blobOf, failure, patterned, run, tempDir } from '#testkit'
import type { TempDir } from '#testkit'
import { openRepository } from '../client.ts'
import { fetchBlob } from './fetchblob.ts'

let registry: RunningRegistry
let dir: TempDir
const bytes = patterned(6_000_000)
beforeAll(async () => {
  dir = tempDir('cairn-registry-')
  registry = await serveRegistry({ config: { port: 0 }, storage: openDirectoryStorage({ root: dir.path }) })
  await repository().put(await blobOf(bytes), streamOf(bytes))
})
afterAll(async () => {
  await registry.stop(0)
  dir[Symbol.dispose]()
})

const repository = (): ReturnType<typeof openRepository> => openRepository(`127.0.0.1:${registry.port}/a/b`)

/** A store in a directory, and the offsets at which blobs were asked for on the way into it. */
function storeIn(path: string): { store: LocalStore; from: ContentProvider; offsets: number[]; close: () => void } {
  const db = openDatabase(join(path, 'cairn.db'))
  const source = repository()
  const offsets: number[] = []
  const from: ContentProvider = {
    has: (d, call) => source.has(d, call),
    open: (d, call) => (offsets.push(call?.offset ?? 0), source.open(d, call)),
  }
  return { store: openLocalStore({ root: path, db }), from, offsets, close: () => db.close() }
}

test('what a killed process had fetched is not fetched again', async () => {
  using home = tempDir()
  const script = join(home.path, 'fetch.ts')
  writeFileSync(
    script,
    `import { openDatabase, openLocalStore } from '${join(import.meta.dir, '../../../content/index.ts')}'
import { fetchBlob, openRepository } from '${join(import.meta.dir, '../index.ts')}'
const [root, name, blob] = process.argv.slice(2)
const store = openLocalStore({ root, db: openDatabase(root + '/cairn.db') })
const source = openRepository(name)
async function* dying(stream) {
  let n = 0
  for await (const chunk of stream) {
    if (n > 2_000_000) process.kill(process.pid, 'SIGKILL')
    n += chunk.length
    yield chunk
  }
}
const from = { has: (d) => source.has(d), open: async (d, call) => dying(await source.open(d, call)) }
await fetchBlob(from, store, JSON.parse(blob))
`,
  )
  const d = await blobOf(bytes)
  const killed = await run([process.execPath, script, home.path, repository().name, JSON.stringify(d)])
  expect(killed.code).toBe(137)
  const { store, from, offsets, close } = storeIn(home.path)
  expect(await store.has(d)).toBe(false)
  await fetchBlob(from, store, d)
  expect(offsets.length).toBe(1)
  expect(offsets[0]).toBeGreaterThan(1_000_000)
  expect(await collect(await store.open(d), bytes.length)).toEqual(bytes)
  await fetchBlob(from, store, d)
  expect(offsets.length).toBe(1)
  close()
})

test('damage in what was left is found, and the blob fetched anew', async () => {
  using home = tempDir()
  const d = await blobOf(bytes)
  const { store, from, offsets, close } = storeIn(home.path)
  for (const left of [patterned(1000).fill(1), patterned(7_000_000)]) {
    const ingest = await store.ingest(`fetch-${d.digest}`)
    await ingest.write(left)
    await ingest[Symbol.asyncDispose]()
    offsets.length = 0
    await fetchBlob(from, store, d)
    expect(offsets.at(-1)).toBe(0)
    await store.delete(d.digest)
  }
  await failure(fetchBlob(from, store, { ...d, size: 5 }), 'data_loss')
  close()
})
