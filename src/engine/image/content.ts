import { unionProvider, type ContentProvider } from '#content'
import type { Parts } from '../parts.ts'

/** Everything that an image is read from: the store's blobs, and layers' tars out of their files. */
export async function imageContent(parts: Parts): Promise<ContentProvider> {
  const [store, layers] = await Promise.all([parts.store(), parts.layers()])
  return unionProvider(store, layers)
}
