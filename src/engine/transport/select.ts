import { fail, type Call } from '#base'
import { copyGraph, type ReadOnlyTarget } from '#content'
import { chooseImage } from '#image'
import { isIndex, isManifest, type Descriptor, type Digest, type Platform } from '#oci'
import { somePlatforms } from '#registry/client'
import type { Found, ReceiveOptions } from './types.ts'

/** The part of an image that was asked for, for those who take everything that can be read. */
export async function chosenOf(
  image: Found,
  options: ReceiveOptions & { readonly single: boolean; readonly name: string },
): Promise<Found> {
  const { platforms, all, single, name } = options
  if (!isIndex(image.root.mediaType)) return image
  if (!single) return platforms ? { ...image, from: await withPlatforms(image, platforms, options) } : image
  if (all || (platforms && platforms.length > 1))
    fail('invalid_argument', `${name} holds one image, not several platforms`, { hint: 'oci: and oci-archive: can' })
  return { ...image, root: await chooseImage(image.from, image.root, platforms?.[0], options) }
}

/** An index's content as if the images of other platforms were not there. */
async function withPlatforms(
  { root, from }: Found,
  platforms: readonly Platform[],
  call?: Call,
): Promise<ReadOnlyTarget> {
  const documents = new Set<Digest>()
  const { signal } = call ?? {}
  // A walk that moves nothing: every leaf is there already.
  const walk = {
    has: async (d: Descriptor) => !isDocument(d) || documents.has(d.digest),
    put: async (d: Descriptor) => void documents.add(d.digest),
  }
  await copyGraph(from, walk, root, { select: somePlatforms(platforms), ...(signal ? { signal } : {}) })
  return {
    ...from,
    has: async (d, inner) => (!isDocument(d) || documents.has(d.digest)) && from.has(d, inner),
  }
}

function isDocument({ mediaType }: Descriptor): boolean {
  return isIndex(mediaType) || isManifest(mediaType)
}
