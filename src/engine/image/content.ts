import { unionProvider, type ContentProvider } from '#content'
import type { Parts } from '../parts.ts'
import { recompressed } from '../pack/layerforms.ts'

/**
 * Everything that an image is read from: the store's blobs, layers' tars out of their files, and layers
 * that were compressed for a registry, compressed again.
 */
export async function imageContent(parts: Parts): Promise<ContentProvider> {
  const [store, layers, made] = await Promise.all([parts.store(), parts.layers(), recompressed(parts)])
  return unionProvider(store, layers, made)
}
