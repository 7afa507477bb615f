import { isCode } from '#base'
import type { Call } from '#base'
import { algorithmOf, Annotation, hexOf, isIndex, isManifest, parseIndex, referrerOf } from '#oci'
import type { Descriptor, Digest, ImageIndex } from '#oci'
import { readDocument } from '../document.ts'
import type { ContentProvider } from '../types.ts'

/**
 * What a layout holds that refers to `subject`. image-spec has no place for it: oras lists such manifests in
 * index.json without a name, regctl under the tag that stands in for a registry's referrers API. Both are read.
 */
export async function* referrersIn(
  index: ImageIndex,
  blobs: ContentProvider,
  subject: Digest,
  call?: Call,
): AsyncGenerator<Descriptor, void, void> {
  const seen = new Set<Digest>()
  for (const entry of await candidates(index, blobs, subject, call)) {
    if (seen.has(entry.digest)) continue
    seen.add(entry.digest)
    const referrer = await referrerAt(blobs, entry, call)
    if (referrer?.subject === subject) yield referrer.descriptor
  }
}

async function candidates(
  { manifests }: ImageIndex,
  blobs: ContentProvider,
  subject: Digest,
  call?: Call,
): Promise<readonly Descriptor[]> {
  const tag = `${algorithmOf(subject)}-${hexOf(subject).slice(0, 64)}`
  const list = manifests.find((entry) => entry.annotations?.[Annotation.refName] === tag && isIndex(entry.mediaType))
  if (!list || !(await blobs.has(list))) return manifests
  return [...manifests, ...parseIndex(await readDocument(blobs, list, call), list.mediaType).manifests]
}

/** An entry whose blob is gone, or is none of ours, refers to nothing. */
async function referrerAt(
  blobs: ContentProvider,
  entry: Descriptor,
  call?: Call,
): Promise<ReturnType<typeof referrerOf>> {
  if ((!isManifest(entry.mediaType) && !isIndex(entry.mediaType)) || !(await blobs.has(entry))) return undefined
  try {
    return referrerOf(entry, await readDocument(blobs, entry, call))
  } catch (error) {
    if (isCode(error, 'invalid_argument') || isCode(error, 'resource_exhausted')) return undefined
    throw error
  }
}
