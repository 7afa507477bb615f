import { openImage } from '#image'
import type { Digest } from '#oci'
import type { Parts } from '../parts.ts'
import { readable } from './facts.ts'
import type { ImageSummary } from './types.ts'

/** Bytes that images keep on disk, by the digest of what takes them: their layers' files and their blobs, each once. */
export async function diskSizes(
  parts: Parts,
  images: readonly Pick<ImageSummary, 'digest'>[],
): Promise<ReadonlyMap<Digest, number>> {
  const [store, layers, names] = await Promise.all([parts.store(), parts.layers(), parts.names()])
  const sizes = new Map<Digest, number>()
  for (const { digest } of images) {
    const root = names.withDigest(digest)[0]?.root ?? parts.containers.usingManifest(digest)[0]?.config.manifest
    if (!root) continue
    const image = await readable(() => openImage(store, root))
    if (!image) continue
    for (const blob of [root, image.descriptor, image.manifest.config, ...image.manifest.layers])
      sizes.set(blob.digest, store.stat(blob.digest)?.size ?? 0)
    for (const { diffId } of image.layers) sizes.set(diffId, layers.stat(diffId)?.diskSize ?? 0)
  }
  return sizes
}
