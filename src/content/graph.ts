import { checkCanceled, fail } from '#base'
import type { Call } from '#base'
import { isIndex, isManifest, successors } from '#oci'
import type { Descriptor, Digest } from '#oci'
import { readDocument } from './document.ts'
import type { ContentProvider } from './types.ts'

/** Everything that some roots reach, without the bytes of leaves. */
export interface Graph {
  /** Manifests and indexes with their bytes, parents before children. */
  readonly documents: ReadonlyMap<Digest, { readonly descriptor: Descriptor; readonly bytes: Uint8Array }>
  /** Configs, layers and what else manifests point at. */
  readonly leaves: ReadonlyMap<Digest, Descriptor>
}

const DOCUMENTS_LIMIT = 20_000

/**
 * Reads the documents below `roots`. Entries of an index that the provider lacks are left out, as
 * after copying one platform of many; a root or a leaf that it lacks is `not_found`.
 */
export async function readGraph(content: ContentProvider, roots: readonly Descriptor[], call?: Call): Promise<Graph> {
  const documents = new Map<Digest, { descriptor: Descriptor; bytes: Uint8Array }>()
  const leaves = new Map<Digest, Descriptor>()
  const queue = [...roots]
  for (let next = 0; next < queue.length; next++) {
    checkCanceled(call)
    const descriptor = queue[next]!
    if (documents.has(descriptor.digest)) continue
    if (documents.size >= DOCUMENTS_LIMIT)
      fail('resource_exhausted', `more than ${DOCUMENTS_LIMIT} manifests in one graph`)
    const bytes = await readDocument(content, descriptor, call)
    documents.set(descriptor.digest, { descriptor, bytes })
    for (const child of successors(descriptor.mediaType, bytes)) {
      if (isManifest(child.mediaType) || isIndex(child.mediaType)) {
        if (!isIndex(descriptor.mediaType) || (await content.has(child, call))) queue.push(child)
      } else if (!(await content.has(child, call))) {
        // What may not be distributed lives at its urls.
        if (!child.urls?.length)
          fail('not_found', `${child.digest}, a part of ${descriptor.digest}, is not here`, {
            hint: 'load or pull the image again',
          })
      } else leaves.set(child.digest, child)
    }
  }
  return { documents, leaves }
}
