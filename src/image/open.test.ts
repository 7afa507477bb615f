import { describe, expect, test } from 'bun:test'
import { collect, streamOf, utf8 } from '#base'
import { openLayout } from '#content'
import type { Layout } from '#content'
import { encodeDocument, MediaType } from '#oci'
import type { Descriptor } from '#oci'
import { blobOf, failure, sampleImage, tempDir } from '#testkit'
import { historyOf } from './history.ts'
import { openImage } from './open.ts'

async function put(layout: Layout, mediaType: string, value: object): Promise<Descriptor> {
  const { descriptor, bytes } = await encodeDocument(mediaType, value)
  await layout.put(descriptor, streamOf(bytes))
  return descriptor
}

const index = (layout: Layout, manifests: readonly Descriptor[]): Promise<Descriptor> =>
  put(layout, MediaType.ociIndex, { schemaVersion: 2, manifests })

const linux = (architecture: string): { os: string; architecture: string } => ({ os: 'linux', architecture })

describe('openImage', () => {
  test.each(['none', 'gzip', 'zstd'] as const)('opens an image with layers compressed by %s', async (compression) => {
    using dir = tempDir()
    const layout = openLayout(dir.path, { create: true })
    const root = await sampleImage(layout, { compression })
    const image = await openImage(layout, root)
    expect(image.descriptor).toEqual(root)
    expect(image.platform).toEqual(linux('amd64'))
    expect(image.config.config?.Cmd).toEqual(['sh'])
    for (const layer of image.layers) {
      const tar = await collect(await layer.tar(), 1 << 20)
      expect((await blobOf(tar)).digest).toBe(layer.diffId)
      expect(await collect(await layer.tar({ offset: 700 }), 1 << 20)).toEqual(tar.slice(700))
      expect((await collect(await layer.blob(), 1 << 20)).length).toBe(layer.descriptor.size)
    }
    expect(historyOf(image).map(({ history, layer }) => [history.created_by, layer?.diffId])).toEqual([
      ['base', image.layers[0]!.diffId],
      ['CMD ["sh"]', undefined],
      ['step 1', image.layers[1]!.diffId],
    ])
  })

  test('takes the entry of an index that suits the platform', async () => {
    using dir = tempDir()
    const layout = openLayout(dir.path, { create: true })
    const amd64 = await sampleImage(layout, { label: 'a' })
    const arm64 = await sampleImage(layout, { label: 'b', platform: linux('arm64') })
    const s390x = await sampleImage(layout, { label: 'c', platform: linux('s390x') })
    const attestation = { ...amd64, platform: { os: 'unknown', architecture: 'unknown' } }
    const inner = await index(layout, [{ ...s390x, platform: linux('s390x') }])
    // arm64 does not say its platform: its config does.
    const root = await index(layout, [attestation, { ...amd64, platform: linux('amd64') }, arm64, inner])
    for (const [architecture, expected] of Object.entries({ amd64, arm64, s390x }))
      expect((await openImage(layout, root, linux(architecture))).descriptor.digest).toBe(expected.digest)
    const missing = await failure(openImage(layout, root, linux('riscv64')), 'not_found')
    expect(missing).toMatchObject({ hint: 'it has: linux/amd64, linux/arm64, linux/s390x' })
    const alone = await index(layout, [attestation, { ...s390x, platform: linux('s390x') }])
    expect((await openImage(layout, alone)).platform).toEqual(linux('s390x'))
  })

  test('damage to a layer is found out, whichever layer and byte', async () => {
    using dir = tempDir()
    const honest = openLayout(dir.path, { create: true })
    const root = await sampleImage(honest, { compression: 'gzip' })
    const opened = await openImage(honest, root)
    for (const { descriptor } of opened.layers)
      for (const at of [0, 20, descriptor.size - 1]) {
        const lying = {
          has: (d: Descriptor) => honest.has(d),
          open: async (d: Descriptor) => {
            const bytes = await collect(await honest.open(d), d.size)
            if (d.digest === descriptor.digest) bytes[at]! ^= 1
            return streamOf(bytes)
          },
        }
        const image = await openImage(lying, root)
        const damaged = image.layers.find((layer) => layer.descriptor.digest === descriptor.digest)!
        // This provider does not verify; the diff ID still does, but for the header's free bytes.
        const read = damaged.tar().then((tar) => collect(tar, 1 << 20))
        const result = await read
          .then((tar) => blobOf(tar))
          .then(
            (d) => d.digest,
            () => 'refused',
          )
        expect([damaged.diffId, 'refused'] as string[]).toContain(result)
      }
  })
})

describe('documents that do not fit together', () => {
  const cases: [string, (layout: Layout) => Promise<Descriptor>, string][] = [
    [
      'fewer layers than diff IDs',
      async (layout) => {
        const config = await put(layout, MediaType.ociConfig, {
          ...linux('amd64'),
          rootfs: { type: 'layers', diff_ids: [(await blobOf(utf8('x'))).digest] },
        })
        return put(layout, MediaType.ociManifest, { schemaVersion: 2, config, layers: [] })
      },
      'invalid_argument',
    ],
    [
      'a plain layer under another diff ID',
      async (layout) => {
        const layer = { ...(await blobOf(utf8('x'))), mediaType: MediaType.ociLayer }
        const config = await put(layout, MediaType.ociConfig, {
          ...linux('amd64'),
          rootfs: { type: 'layers', diff_ids: [(await blobOf(utf8('y'))).digest] },
        })
        return put(layout, MediaType.ociManifest, { schemaVersion: 2, config, layers: [layer] })
      },
      'invalid_argument',
    ],
    [
      'a layer that is none',
      async (layout) => {
        const d = { ...(await blobOf(utf8('x'))), mediaType: 'application/vnd.in-toto+json' }
        const config = await put(layout, MediaType.ociConfig, {
          ...linux('amd64'),
          rootfs: { type: 'layers', diff_ids: [d.digest] },
        })
        return put(layout, MediaType.ociManifest, { schemaVersion: 2, config, layers: [d] })
      },
      'invalid_argument',
    ],
    [
      'a config of another kind',
      async (layout) => {
        const config = await put(layout, MediaType.ociEmpty, {})
        return put(layout, MediaType.ociManifest, { schemaVersion: 2, config, layers: [] })
      },
      'invalid_argument',
    ],
    [
      'an index called a manifest',
      async (layout) => ({ ...(await index(layout, [])), mediaType: MediaType.ociManifest }),
      'invalid_argument',
    ],
    ['an empty index', (layout) => index(layout, []), 'not_found'],
    [
      'a root that is no image',
      async () => ({ ...(await blobOf(utf8('x'))), mediaType: 'text/plain' }),
      'invalid_argument',
    ],
    [
      'a hundred indexes inside one another',
      async (layout) => {
        let root = await sampleImage(layout)
        for (let i = 0; i < 100; i++) root = await index(layout, [root])
        return root
      },
      'resource_exhausted',
    ],
  ]
  for (const [what, make, code] of cases)
    test(`${what} is refused`, async () => {
      using dir = tempDir()
      const layout = openLayout(dir.path, { create: true })
      await failure(openImage(layout, await make(layout)), code as 'not_found')
    })
})

test('a history that does not account for the layers leaves none out', () => {
  const layers = ['a', 'b'].map((name) => ({ diffId: name })) as never
  expect(historyOf({ layers, config: {} as never })).toHaveLength(2)
  const config = { history: [{ created_by: 'x' }, { created_by: 'y' }, { created_by: 'z' }] } as never
  expect(historyOf({ layers, config }).map((s) => s.layer?.diffId as string)).toEqual(['a', 'b', undefined as never])
})
