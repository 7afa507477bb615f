import { describe, expect, test } from 'bun:test'
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { streamOf } from '#base'
import { openLayout } from '#content'
import type { Layout } from '#content'
import { encodeDocument, MediaType } from '#oci'
import type { Descriptor } from '#oci'
import { failure, fileEntry, sampleImage, tempDir } from '#testkit'
import { composeImage, importImage } from './compose.ts'
import { openImage } from './open.ts'
import { validateImage } from './validate.ts'

async function putIndex(layout: Layout, manifests: readonly Descriptor[]): Promise<Descriptor> {
  const { descriptor, bytes } = await encodeDocument(MediaType.ociIndex, { schemaVersion: 2, manifests })
  await layout.put(descriptor, streamOf(bytes))
  return descriptor
}

const amd64 = { os: 'linux', architecture: 'amd64' }

describe('validateImage', () => {
  test.each(['none', 'gzip', 'zstd'] as const)(
    'finds a whole image whole, and each damaged blob (%s)',
    async (compression) => {
      using dir = tempDir()
      const content = openLayout(dir.path, { create: true })
      const manifest = await sampleImage(content, { compression })
      const root = await putIndex(content, [{ ...manifest, platform: amd64 }])
      expect(await validateImage({ root, content })).toEqual([])
      const blobs = join(dir.path, 'blobs/sha256')
      for (const hex of readdirSync(blobs)) {
        const path = join(blobs, hex)
        const bytes = readFileSync(path)
        chmodSync(path, 0o644)
        for (const at of [0, bytes.length >> 1, bytes.length - 1]) {
          const damaged = Buffer.from(bytes)
          damaged[at]! ^= 1
          writeFileSync(path, damaged)
          expect((await validateImage({ root, content })).length, `${hex} at ${at}`).toBeGreaterThan(0)
        }
        writeFileSync(path, bytes)
      }
      expect(await validateImage({ root, content })).toEqual([])
    },
  )

  test('tells what documents contradict each other about', async () => {
    using dir = tempDir()
    const content = openLayout(dir.path, { create: true })
    const manifest = await sampleImage(content)
    const arm64 = { ...amd64, architecture: 'arm64' }
    const absent = { ...manifest, digest: `sha256:${'0'.repeat(64)}` as const }
    const root = await putIndex(content, [{ ...manifest, platform: arm64 }, absent])
    const problems = (await validateImage({ root, content })).map((p) => p.message)
    expect(problems).toEqual(['its index says linux/arm64, its config linux/amd64', expect.stringMatching(/not here$/)])
    expect(await validateImage({ root, content }, { partial: true })).toHaveLength(1)
    const { layers } = await openImage(content, manifest)
    const wrong = await composeImage({ platform: amd64, layers, history: [{ created_by: 'one step for two layers' }] })
    for (const { descriptor, bytes } of [wrong.config, wrong.manifest]) await content.put(descriptor, streamOf(bytes))
    expect(await validateImage({ root: wrong.manifest.descriptor, content })).toHaveLength(1)
  })

  test('refuses layers whose paths leave their root, and what is no image', async () => {
    using dir = tempDir()
    const content = openLayout(dir.path, { create: true })
    const hostile = await sampleImage(content, { layers: [[fileEntry('../escape', 'x')]] })
    expect((await validateImage({ root: hostile, content }))[0]?.message).toMatch(/leaves its root/)
    const blob = { ...hostile, mediaType: 'text/plain' }
    expect(await validateImage({ root: blob, content })).toHaveLength(1)
    await failure(validateImage({ root: hostile, content }, { signal: AbortSignal.abort() }), 'canceled')
  })
})

test('an import is an image of one layer, the same for the same tar', async () => {
  using dir = tempDir()
  const content = openLayout(dir.path, { create: true })
  const [layer] = (await openImage(content, await sampleImage(content))).layers
  const describeIt = { platform: amd64, config: { Cmd: ['sh'] }, comment: 'Imported from -' }
  const image = await importImage(layer!, describeIt)
  expect(await importImage(layer!, describeIt)).toEqual(image)
  for (const { descriptor, bytes } of [image.config, image.manifest]) await content.put(descriptor, streamOf(bytes))
  expect(await validateImage({ root: image.manifest.descriptor, content })).toEqual([])
  const opened = await openImage(content, image.manifest.descriptor)
  expect(opened.config).toMatchObject({ config: { Cmd: ['sh'] }, history: [{ comment: 'Imported from -' }] })
})
