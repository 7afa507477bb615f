import { fail } from '#base'
import type { ByteStream, Call } from '#base'
import { decompress, verified } from '#codec'
import { readDocument } from '#content'
import type { ContentProvider } from '#content'
import { isImageConfig, layerCompression, parseImageConfig, parseManifest, platformOf } from '#oci'
import type { Compression, Descriptor, Digest, ImageConfig, Manifest, Platform } from '#oci'
import { chooseImage } from './choose.ts'
import type { Layer, OpenedImage } from './types.ts'

/**
 * Opens one platform's image: of an index the entry that suits `platform` best (default: the only
 * one, else the host's), of a manifest that image itself, whatever its platform. The two documents
 * are verified and agree on the number of layers; layers are verified when they are read.
 */
export async function openImage(
  content: ContentProvider,
  root: Descriptor,
  platform?: Platform,
  call?: Call,
): Promise<OpenedImage> {
  const descriptor = await chooseImage(content, root, platform, call)
  const manifestBytes = await readDocument(content, descriptor, call)
  const manifest = parseManifest(manifestBytes, descriptor.mediaType)
  if (!isImageConfig(manifest.config.mediaType))
    fail('invalid_argument', `${root.digest} is no image: its config is ${manifest.config.mediaType}`, {
      hint: 'this is an artifact of another kind',
    })
  const configBytes = await readDocument(content, manifest.config, call)
  const config = parseImageConfig(configBytes)
  return {
    descriptor,
    manifest,
    manifestBytes,
    config,
    configBytes,
    platform: platformOf(config),
    layers: layersOf(content, descriptor, manifest, config),
  }
}

function layersOf(
  content: ContentProvider,
  { digest }: Descriptor,
  manifest: Manifest,
  config: ImageConfig,
): readonly Layer[] {
  const diffIds = config.rootfs.diff_ids
  if (diffIds.length !== manifest.layers.length)
    fail('invalid_argument', `${digest} has ${manifest.layers.length} layers, its config has ${diffIds.length}`)
  return manifest.layers.map((descriptor, i) => layerOf(content, descriptor, diffIds[i]!))
}

/** A layer under its two names. `invalid_argument` for what is no layer. */
export function layerOf(content: ContentProvider, descriptor: Descriptor, diffId: Digest): Layer {
  const compression =
    layerCompression(descriptor.mediaType) ??
    fail('invalid_argument', `${descriptor.digest} is no layer: its type is ${descriptor.mediaType}`)
  if (compression === 'none' && descriptor.digest !== diffId && descriptor.digest.slice(0, 6) === diffId.slice(0, 6))
    fail('invalid_argument', `layer ${descriptor.digest} is not compressed, but its config calls it ${diffId}`)
  return {
    descriptor,
    diffId,
    blob: (call) => content.open(descriptor, call),
    tar: (call) => openTar(content, descriptor, diffId, compression, call),
  }
}

async function openTar(
  content: ContentProvider,
  descriptor: Descriptor,
  diffId: Digest,
  compression: Compression,
  call?: Call & { readonly offset?: number },
): Promise<ByteStream> {
  // The provider verifies what is not compressed: its digest is the diff ID.
  if (descriptor.digest === diffId) return content.open(descriptor, call)
  const { offset = 0, ...rest } = call ?? {}
  const tar = decompress(await content.open(descriptor, rest), compression)
  return offset === 0 ? verified(tar, { digest: diffId }) : skip(tar, offset)
}

async function* skip(bytes: ByteStream, count: number): AsyncGenerator<Uint8Array, void, void> {
  let left = count
  for await (const chunk of bytes) {
    if (left < chunk.length) yield left > 0 ? chunk.subarray(left) : chunk
    left = Math.max(0, left - chunk.length)
  }
}
