import { fail, streamOf, type ByteStream, type Call } from '#base'
import { decompressWithin, detected, EXPANSION } from '#codec'
import { acquireLease } from '#content'
import { importImage } from '#image'
import { formatReference, hostPlatform, MediaType, parseReference, withDefaultTag, type Digest } from '#oci'
import type { Parts } from '../parts.ts'
import { changedConfig } from './changes.ts'
import type { ImportOptions } from '../types.ts'

/**
 * Makes an image of one layer from a root file system's tar (compressed or not). The image names no
 * time of its own, so the same tar makes the same image whenever it is imported. Answers the image's ID.
 */
export async function importRoot(
  parts: Parts,
  tar: ByteStream,
  options: ImportOptions = {},
  call?: Call,
): Promise<Digest> {
  // Checked before a gigabyte is read.
  const name = options.name === undefined ? undefined : nameOf(options.name)
  const config = await changedConfig(options.changes ?? [])
  const [store, layers, names] = await Promise.all([parts.store(), parts.layers(), parts.names()])
  await using lease = acquireLease(parts.db, `import ${options.name ?? ''}`.trim())
  const { compression, stream } = await detected(tar)
  // What layers are compressed with is taken off on the way, a thread ahead.
  const isRare = compression === 'bzip2' || compression === 'xz'
  const { diffId, tarSize } = await layers.create(
    isRare ? decompressWithin(EXPANSION, stream, compression) : stream,
    call,
  )
  lease.add(diffId)
  // One that was here already, and needed by nobody, may have been swept before the lease was seen.
  if (!layers.stat(diffId)) fail('unavailable', 'the layer was removed while it was imported: try again')
  const descriptor = { mediaType: MediaType.ociLayer, digest: diffId, size: tarSize }
  const image = await importImage(
    { descriptor, diffId },
    { platform: hostPlatform(), config, comment: options.message ?? 'Imported from -' },
  )
  const leased = store.leased(lease)
  for (const document of [image.config, image.manifest])
    await leased.put(document.descriptor, streamOf(document.bytes), call)
  if (name === undefined) names.keep(image.manifest.descriptor)
  else names.tag(image.manifest.descriptor, name, Date.now())
  return image.config.descriptor.digest
}

function nameOf(text: string): string {
  const reference = parseReference(text)
  if (reference.digest !== undefined) fail('invalid_argument', `cannot import digest reference ${JSON.stringify(text)}`)
  return formatReference(withDefaultTag(reference))
}
