import { fail, isCode, type Call } from '#base'
import { readDocument } from '#content'
import { isManifest, parseManifest, type Descriptor } from '#oci'
import type { Parts } from '../parts.ts'

/**
 * What `work` reads of an image that the store has by this name. Where one of its documents is gone or cut short, that is
 * `data_loss`, not `not_found`: no registry is asked for another image of the name.
 */
export async function ofWhole<T>(
  parts: Parts,
  { ref, root }: { readonly ref: string; readonly root: Descriptor },
  work: () => T | Promise<T>,
  call?: Call,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!isCode(error, 'not_found')) throw error
    const lost = await lostDocument(parts, root, call)
    if (!lost) throw error
    return fail('data_loss', `image ${ref} is damaged: its document ${lost.digest} is not in the store, or not whole`, {
      hint: 'remove the image and load or pull it again',
      cause: error,
    })
  }
}

/** Of an index the entries may be elsewhere; it itself, and a manifest's config, may not. */
async function lostDocument(parts: Parts, root: Descriptor, call?: Call): Promise<Descriptor | undefined> {
  const store = await parts.store()
  if (!(await store.has(root, call))) return root
  if (!isManifest(root.mediaType)) return undefined
  const { config } = parseManifest(await readDocument(store, root, call), root.mediaType)
  return (await store.has(config, call)) ? undefined : config
}
