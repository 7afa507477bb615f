import { unionProvider, type ContentProvider } from '#content'
import type { Parts } from '../parts.ts'
import { recompressed } from '../pack/layerforms.ts'
import { distantLayers } from './distant.ts'

/**
 * Everything that an image is read from: the store's blobs, layers' tars out of their files, layers that were
 * compressed for a registry, compressed again, and last those whose blobs are where they came from.
 */
export async function imageContent(parts: Parts): Promise<ContentProvider> {
  const [store, layers, made, distant] = await Promise.all([
    parts.store(),
    parts.layers(),
    recompressed(parts),
    distantLayers(parts),
  ])
  return unionProvider(store, layers, made, distant)
}
