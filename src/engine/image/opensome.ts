import { isCode, type Call } from '#base'
import type { ContentProvider } from '#content'
import { openImage, readIndex, type OpenedImage } from '#image'
import { isAttestation, isIndex, isManifest, type Descriptor } from '#oci'

/** What lists and descriptions show of an image: the host's, else the first of the index that is here. */
export async function openSome(content: ContentProvider, root: Descriptor, call?: Call): Promise<OpenedImage> {
  try {
    return await openImage(content, root, undefined, call)
  } catch (error) {
    if (!isIndex(root.mediaType) || !isCode(error, 'not_found')) throw error
    const { index } = await readIndex(content, root, call)
    for (const entry of index.manifests)
      if (isManifest(entry.mediaType) && !isAttestation(entry) && (await content.has(entry, call)))
        return await openImage(content, entry, undefined, call)
    throw error
  }
}
