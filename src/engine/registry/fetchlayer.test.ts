import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readDocument } from '#content'
import { parseManifest, type Descriptor } from '#oci'
import { openRepository } from '#registry/client'
import { openDirectoryStorage, serveRegistry, type RunningRegistry } from '#registry/server'
import { sampleImage, tempDir, type TempDir } from '#testkit'
import { openParts, type Parts } from '../parts.ts'
import { pull } from './pull.ts'

let dir: TempDir
let registry: RunningRegistry
let parts: Parts
let layers: readonly Descriptor[]

beforeAll(async () => {
  dir = tempDir()
  registry = await serveRegistry({
    config: { port: 0 },
    storage: openDirectoryStorage({ root: join(dir.path, 'registry') }),
  })
  parts = openParts({ root: join(dir.path, 'root'), run: join(dir.path, 'run') })
  const repository = openRepository(name())
  const root = await sampleImage(repository, { compression: 'gzip' })
  await repository.tag(root, 'v1')
  layers = parseManifest(await readDocument(repository, root), root.mediaType).layers
})

afterAll(async () => {
  parts.close()
  await registry.stop(0)
  dir[Symbol.dispose]()
})

const name = (): string => `127.0.0.1:${registry.port}/app`

/** Takes the layers away and leaves their blobs. */
async function withoutLayers(): Promise<void> {
  const there = await parts.layers()
  for (const { diffId } of there.list()) await there.remove(diffId)
}

describe('a layer whose blob is here', () => {
  test('is laid out from it, and fetched again where it is damaged', async () => {
    await pull(parts, `${name()}:v1`)
    const [store, there] = await Promise.all([parts.store(), parts.layers()])
    const repository = openRepository(name())
    await withoutLayers()
    const path = store.path(layers[0]!.digest)
    chmodSync(path, 0o644)
    writeFileSync(path, new Uint8Array(layers[0]!.size))
    // The other one is nowhere else.
    await repository.deleteBlob(layers[1]!.digest)
    await pull(parts, `${name()}:v1`)
    expect([...there.list()]).toHaveLength(2)
    for (const layer of layers) for await (const _ of await store.open(layer)) continue
  })
})
