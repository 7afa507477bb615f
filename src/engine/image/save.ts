import type { ByteStream, Call } from '#base'
import type { ArchivedImage } from '#content'
import { saveImages } from '#image'
import type { Digest } from '#oci'
import type { Parts } from '../parts.ts'
import { imageContent } from './content.ts'
import { locate } from './find.ts'

/** One archive of several images, readable as docker-archive and as OCI layout. */
export async function save(parts: Parts, refs: readonly string[], call?: Call): Promise<ByteStream> {
  const images = new Map<Digest, ArchivedImage & { names: string[] }>()
  for (const ref of refs) {
    const { root, name } = await locate(parts, ref, call)
    const image = images.get(root.digest) ?? { root, names: [] }
    if (name !== undefined && !image.names.includes(name)) image.names.push(name)
    images.set(root.digest, image)
  }
  return saveImages([...images.values()], await imageContent(parts), {}, call)
}
