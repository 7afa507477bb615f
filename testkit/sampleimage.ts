import { collect, streamOf, utf8 } from '#base'
import { gzip, writeTar, zstd } from '#codec'
import type { TarEntry, TarInput } from '#codec'
import type { Target } from '#content'
import { composeImage } from '#image'
import { describe, encodeDocument, MediaType } from '#oci'
import type { Compression, Descriptor, Digest, EncodedDocument, Platform } from '#oci'

export interface SampleOptions {
  readonly compression?: Compression
  readonly platform?: Platform
  /** Makes the image differ from others. */
  readonly label?: string
  /** Contents of the layers, from the base up. */
  readonly layers?: readonly (readonly TarInput[])[]
}

const MEDIA_TYPES = { none: MediaType.ociLayer, gzip: MediaType.ociLayerGzip, zstd: MediaType.ociLayerZstd }

export function fileEntry(path: string, content: string, more: Partial<TarEntry> = {}): TarInput {
  const bytes = utf8(content)
  const entry: TarEntry = { type: 'file', path, mode: 0o644, uid: 0, gid: 0, mtime: 0n, size: bytes.length, ...more }
  return { entry, data: streamOf(bytes) }
}

export function entryOf(type: TarEntry['type'], path: string, more: Partial<TarEntry> = {}): TarInput {
  return { entry: { type, path, mode: 0o755, uid: 0, gid: 0, mtime: 0n, size: 0, ...more } }
}

/** Two layers that show what layers can do: whiteouts, an opaque directory, links. */
export function sampleLayers(): readonly (readonly TarInput[])[] {
  return [
    [
      entryOf('directory', 'etc'),
      fileEntry('etc/os-release', 'ID=sample\n'),
      fileEntry('one', 'one\n'),
      entryOf('hardlink', 'linked', { linkname: 'one' }),
      entryOf('directory', 'dir'),
      fileEntry('dir/old', 'old\n'),
      fileEntry('two', 'two\n'),
    ],
    [
      fileEntry('.wh.two', ''),
      entryOf('directory', 'dir'),
      fileEntry('dir/.wh..wh..opq', ''),
      fileEntry('dir/new', 'new\n'),
      fileEntry('one', 'changed\n'),
      entryOf('symlink', 'pointer', { linkname: 'dir/new' }),
    ],
  ]
}

/** Puts a small whole image into a target; returns its manifest's descriptor. */
export async function sampleImage(target: Pick<Target, 'put'>, options: SampleOptions = {}): Promise<Descriptor> {
  const compression = options.compression ?? 'none'
  const layers: { descriptor: Descriptor; diffId: Digest }[] = []
  for (const entries of options.layers ?? sampleLayers()) {
    const tar = await collect(writeTar(entries), 1 << 24)
    const diffId = (await describe(MediaType.ociLayer, tar)).descriptor.digest
    const blob =
      compression === 'none' ? tar : await collect((compression === 'gzip' ? gzip : zstd)(streamOf(tar)), 1 << 24)
    const { descriptor } = await describe(MEDIA_TYPES[compression], blob)
    await target.put(descriptor, streamOf(blob))
    layers.push({ descriptor, diffId })
  }
  const { manifest, config } = await composeImage({
    platform: options.platform ?? { os: 'linux', architecture: 'amd64' },
    layers,
    config: { Cmd: ['sh'], Env: ['PATH=/bin'], Labels: { label: options.label ?? 'sample' } },
    created: '1970-01-01T00:00:00Z',
    history: [
      { created: '1970-01-01T00:00:00Z', created_by: 'base' },
      { created: '1970-01-01T00:00:00Z', created_by: 'CMD ["sh"]', empty_layer: true },
      ...layers.slice(1).map((_, i) => ({ created: '1970-01-01T00:00:00Z', created_by: `step ${i + 1}` })),
    ],
  })
  await target.put(config.descriptor, streamOf(config.bytes))
  await target.put(manifest.descriptor, streamOf(manifest.bytes))
  return manifest.descriptor
}

/** Puts an index of one sample image for each architecture, gzipped, into a target under a tag. */
export async function sampleIndex(
  target: Pick<Target, 'put' | 'tag'>,
  tag: string,
  architectures: readonly string[] = ['amd64', 'arm64'],
): Promise<{ readonly index: Descriptor; readonly manifests: readonly Descriptor[] }> {
  const manifests: Descriptor[] = []
  for (const architecture of architectures) {
    const platform = { os: 'linux', architecture }
    manifests.push({ ...(await sampleImage(target, { platform, label: architecture, compression: 'gzip' })), platform })
  }
  const document = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests }
  const { descriptor, bytes } = await encodeDocument(MediaType.ociIndex, document)
  await target.put(descriptor, streamOf(bytes))
  await target.tag(descriptor, tag)
  return { index: descriptor, manifests }
}

/** The smallest image there is, without layers, and an index of it alone: encoded documents that no store has. */
export async function tinyDocuments(): Promise<Readonly<Record<'manifest' | 'index', EncodedDocument>>> {
  const config = await describe(MediaType.ociConfig, utf8('{}'))
  const manifest = await encodeDocument(MediaType.ociManifest, {
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: config.descriptor,
    layers: [],
  })
  const index = await encodeDocument(MediaType.ociIndex, {
    schemaVersion: 2,
    mediaType: MediaType.ociIndex,
    manifests: [manifest.descriptor],
  })
  return { manifest, index }
}
