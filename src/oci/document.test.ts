import { describe as group, expect, test } from 'bun:test'
import fc from 'fast-check'
import { CairnError, utf8 } from '#base'
import { chainId, chainIds } from './chain.ts'
import { parseImageConfig, platformOf } from './config.ts'
import { digestOf, isDigest } from './digest.ts'
import { encodeDocument } from './document.ts'
import { parseIndex, parseManifest, sniffMediaType, successors } from './manifest.ts'
import { layerCompression, MediaType } from './mediatype.ts'
import type { Digest } from './types.ts'

const digest = `sha256:${'a'.repeat(64)}` as Digest
const json = (value: unknown): Uint8Array => utf8(JSON.stringify(value))
const descriptor = (mediaType: string, more: object = {}): object => ({ mediaType, digest, size: 5, ...more })
const manifest = (more: object = {}): Record<string, unknown> => ({
  schemaVersion: 2,
  mediaType: MediaType.ociManifest,
  config: descriptor(MediaType.ociConfig),
  layers: [descriptor(MediaType.ociLayerGzip)],
  ...more,
})
const index = (more: object = {}): Record<string, unknown> => ({
  schemaVersion: 2,
  mediaType: MediaType.ociIndex,
  manifests: [descriptor(MediaType.ociManifest, { platform: { os: 'linux', architecture: 'amd64' } })],
  ...more,
})
const config = (more: object = {}): Record<string, unknown> => ({
  architecture: 'amd64',
  os: 'linux',
  rootfs: { type: 'layers', diff_ids: [digest] },
  ...more,
})

group('manifests', () => {
  test('OCI, Docker and untyped ones are read, unknown members kept, nulls dropped', () => {
    expect(parseManifest(json(manifest())).layers[0]?.size).toBe(5)
    const docker = manifest({ mediaType: MediaType.dockerManifest, annotations: null, novel: { x: 1 } })
    const parsed = parseManifest(json(docker), MediaType.dockerManifest)
    expect(parsed).toMatchObject({ novel: { x: 1 } })
    expect('annotations' in parsed).toBe(false)
    expect(parseManifest(json(manifest({ mediaType: undefined })), MediaType.ociManifest).config.digest).toBe(digest)
    expect(parseManifest(json(manifest({ layers: null }))).layers).toEqual([])
  })

  const hostile: [string, unknown, string?][] = [
    ['both layers and manifests', manifest({ manifests: [] })],
    ['both manifest and schema 1', manifest({ fsLayers: [] })],
    ['a type other than its descriptor says', manifest(), MediaType.dockerManifest],
    ['the type of an index', manifest({ mediaType: MediaType.ociIndex })],
    ['a descriptor that says index', manifest(), MediaType.ociIndex],
    ['an unknown type', manifest({ mediaType: 'application/json' })],
    ['no schemaVersion', manifest({ schemaVersion: undefined })],
    ['a schemaVersion as text', manifest({ schemaVersion: '2' })],
    ['no config', manifest({ config: undefined })],
    ['config null', manifest({ config: null })],
    ['layers no array', manifest({ layers: {} })],
    ['a layer without digest', manifest({ layers: [{ mediaType: 'a/b', size: 1 }] })],
    ['a digest that climbs', manifest({ layers: [descriptor('a/b', { digest: 'sha256:../../etc/passwd' })] })],
    ['a short digest', manifest({ layers: [descriptor('a/b', { digest: 'sha256:aa' })] })],
    ['an upper-case digest', manifest({ layers: [descriptor('a/b', { digest: digest.toUpperCase() })] })],
    ['a digest of an array', manifest({ layers: [descriptor('a/b', { digest: [digest] })] })],
    ['a negative size', manifest({ layers: [descriptor('a/b', { size: -1 })] })],
    ['half a byte', manifest({ layers: [descriptor('a/b', { size: 0.5 })] })],
    ['a size past 2^53', manifest({ layers: [descriptor('a/b', { size: 2 ** 60 })] })],
    ['a size as text', manifest({ layers: [descriptor('a/b', { size: '5' })] })],
    ['no media type', manifest({ layers: [{ digest, size: 1 }] })],
    ['a media type with a newline', manifest({ layers: [descriptor('a/b\nx')] })],
    ['an annotation that is no string', manifest({ annotations: { a: 1 } })],
    ['an array', [manifest()]],
    ['null', null],
  ]
  for (const [what, document, mediaType] of hostile)
    test(`with ${what} is refused`, () => {
      expect(() => parseManifest(json(document), mediaType)).toThrow(CairnError)
    })

  test('too big, too deep, too many and ill-formed ones are refused', () => {
    expect(() => parseManifest(new Uint8Array(4 * 1024 * 1024 + 1))).toThrow(/at most/)
    expect(() => parseManifest(utf8('{"a":'.repeat(100) + '1' + '}'.repeat(100)))).toThrow(/deeper/)
    expect(() => parseManifest(utf8('['.repeat(1_000_000)))).toThrow(/deeper/)
    expect(() => parseManifest(json(manifest({ layers: Array(10_001).fill({}) })))).toThrow(/entries/)
    expect(() => parseManifest(utf8('{"a":'))).toThrow(/JSON/)
    expect(() => parseManifest(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d))).toThrow(/JSON/)
  })

  test('brackets inside strings are no depth', () => {
    const annotations = { deep: '[{'.repeat(200), quote: '"[\\"'.repeat(200) }
    expect(parseManifest(json(manifest({ annotations }))).annotations).toEqual(annotations)
  })

  test('a member named __proto__ changes nothing', () => {
    const bytes = utf8(JSON.stringify(manifest()).replace('{', '{"__proto__":{"polluted":true},'))
    const parsed = parseManifest(bytes) as unknown as Record<string, unknown>
    expect(parsed.polluted).toBeUndefined()
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })

  test('schema 1 is refused by name', () => {
    expect(() => parseManifest(json({ schemaVersion: 1, fsLayers: [] }))).toThrow(/schema 1/)
  })

  test('any bytes are parsed or refused with a CairnError', () => {
    const value = fc.oneof(fc.jsonValue(), fc.constantFrom(...hostile.map(([, document]) => document)))
    const bytes = fc.oneof(fc.uint8Array(), value.map(json))
    fc.assert(
      fc.property(bytes, (data) => {
        for (const parse of [parseManifest, parseIndex, parseImageConfig, sniffMediaType]) {
          try {
            parse(data)
          } catch (error) {
            expect(error).toBeInstanceOf(CairnError)
          }
        }
      }),
    )
  })
})

group('indexes', () => {
  test('are read with their platforms', () => {
    expect(parseIndex(json(index())).manifests[0]?.platform?.os).toBe('linux')
    expect(parseIndex(json(index({ mediaType: MediaType.dockerManifestList }))).manifests).toHaveLength(1)
    expect(parseIndex(json(index({ manifests: null }))).manifests).toEqual([])
  })

  test.each([
    ['layers', index({ layers: [] })],
    ['config', index({ config: descriptor(MediaType.ociConfig) })],
    ['the type of a manifest', index({ mediaType: MediaType.ociManifest })],
    ['no manifests', index({ manifests: undefined })],
    ['a platform that is text', index({ manifests: [descriptor('a/b', { platform: 'linux' })] })],
  ])('with %s are refused', (_, document) => expect(() => parseIndex(json(document))).toThrow(CairnError))

  test('successors are config and layers, manifests, or nothing', () => {
    expect(successors(MediaType.ociManifest, json(manifest())).map((d) => d.mediaType)).toEqual([
      MediaType.ociConfig,
      MediaType.ociLayerGzip,
    ])
    expect(successors(MediaType.ociIndex, json(index()))).toHaveLength(1)
    expect(successors(MediaType.ociLayer, utf8('not json'))).toEqual([])
    expect(sniffMediaType(json(index({ mediaType: undefined })))).toBe(MediaType.ociIndex)
    expect(sniffMediaType(json(manifest({ mediaType: undefined })))).toBe(MediaType.ociManifest)
  })
})

group('configs', () => {
  test("are read, Docker's habits included", () => {
    const parsed = parseImageConfig(
      json(
        config({
          config: { Cmd: null, Entrypoint: 'sh', Env: ['A=b'], Volumes: { '/v': null }, Labels: null, Hostname: '' },
          history: [{ created_by: 'x', empty_layer: true }],
          container_config: {},
        }),
      ),
    )
    expect(parsed.config).toMatchObject({ Entrypoint: ['sh'], Env: ['A=b'], Volumes: { '/v': {} } })
    expect(parsed.config && 'Cmd' in parsed.config).toBe(false)
    expect(parsed.history?.[0]?.empty_layer).toBe(true)
    expect(platformOf(parseImageConfig(json(config({ os: undefined, variant: 'v8' }))))).toEqual({
      os: 'linux',
      architecture: 'amd64',
      variant: 'v8',
    })
  })

  test.each([
    ['no rootfs', config({ rootfs: undefined })],
    ['rootfs of another type', config({ rootfs: { type: 'base', diff_ids: [] } })],
    ['a diff_id that is no digest', config({ rootfs: { type: 'layers', diff_ids: ['x'] } })],
    ['Env that is no list', config({ config: { Env: 'A=b' } })],
    ['an Env of numbers', config({ config: { Env: [1] } })],
    ['empty_layer as text', config({ history: [{ empty_layer: 'true' }] })],
    ['a negative interval', config({ config: { Healthcheck: { Interval: -1 } } })],
  ])('with %s are refused', (_, document) => expect(() => parseImageConfig(json(document))).toThrow(CairnError))
})

group('digests and documents', () => {
  test('only whole lower-case digests count', () => {
    expect(isDigest(digest)).toBe(true)
    expect(isDigest(`sha512:${'0'.repeat(128)}`)).toBe(true)
    for (const bad of [
      `sha256:${'a'.repeat(63)}`,
      `sha512:${'a'.repeat(64)}`,
      `sha256:${'G'.repeat(64)}`,
      'sha256:',
      7,
    ])
      expect(isDigest(bad)).toBe(false)
  })

  test('chain IDs are those of the specification', async () => {
    const a = await digestOf(utf8('a'))
    const b = await digestOf(utf8('b'))
    expect(await chainIds([])).toEqual([])
    expect(await chainId([])).toBeUndefined()
    expect(await chainId([a])).toBe(a)
    expect(await chainId([a, b])).toBe(await digestOf(utf8(`${a} ${b}`)))
  })

  test('a new document is named by its bytes', async () => {
    const { bytes, descriptor: d } = await encodeDocument(MediaType.ociEmpty, {})
    expect(d.digest).toBe('sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a')
    expect(bytes).toEqual(utf8('{}'))
  })

  test.each([
    [MediaType.ociLayer, 'none'],
    ['application/vnd.oci.image.layer.nondistributable.v1.tar+gzip', 'gzip'],
    ['application/vnd.docker.image.rootfs.foreign.diff.tar.gzip', 'gzip'],
    [MediaType.ociLayerZstd, 'zstd'],
    [MediaType.ociConfig, undefined],
  ])('%s is compressed by %s', (type, expected) => expect(layerCompression(type)).toBe(expected as never))
})
