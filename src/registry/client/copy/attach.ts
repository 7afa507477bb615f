import { checkCanceled, streamOf, utf8 } from '#base'
import type { Call } from '#base'
import { readDocument } from '#content'
import type { ReadOnlyTarget, Target } from '#content'
import { describe, encodeDocument, isIndex, isManifest, MediaType, parseIndex, parseManifest } from '#oci'
import type { Descriptor, Digest } from '#oci'

export interface Attachment {
  /** What it is: `application/spdx+json`. */
  readonly artifactType: string
  /** Each with its media type. */
  readonly files: readonly AttachedFile[]
  readonly annotations?: Readonly<Record<string, string>>
}

export interface AttachedFile {
  readonly mediaType: string
  readonly bytes: Uint8Array
  readonly annotations?: Readonly<Record<string, string>>
}

/**
 * Puts an artifact beside an image: a manifest whose subject is the image (image-spec manifest.md,
 * guidelines for artifact usage). The same attachment gives the same digest. The image must be there.
 */
export async function attach(
  to: Target,
  subject: Descriptor,
  attachment: Attachment,
  call?: Call,
): Promise<Descriptor> {
  const { artifactType, annotations } = attachment
  const config = await describe(MediaType.ociEmpty, utf8('{}'))
  const files =
    attachment.files.length > 0 ? attachment.files : [{ mediaType: MediaType.ociEmpty, bytes: config.bytes }]
  const layers: Descriptor[] = []
  for (const file of files) {
    const { descriptor, bytes } = await describe(file.mediaType, file.bytes)
    layers.push(file.annotations ? { ...descriptor, annotations: file.annotations } : descriptor)
    await putMissing(to, descriptor, bytes, call)
  }
  await putMissing(to, config.descriptor, config.bytes, call)
  const { descriptor, bytes } = await encodeDocument(MediaType.ociManifest, {
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    artifactType,
    config: config.descriptor,
    layers,
    subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size },
    ...(annotations ? { annotations } : {}),
  })
  await to.put(descriptor, streamOf(bytes), call)
  return { ...descriptor, artifactType }
}

/** A referrer with what refers to it. */
export interface Discovered {
  readonly descriptor: Descriptor
  readonly referrers: readonly Discovered[]
}

/** Depth and number of a tree of referrers; signatures of SBOMs of images make two levels. */
const DEPTH_LIMIT = 16
const NODES_LIMIT = 10_000

/**
 * The tree of everything that refers to an image. Each manifest appears once, so that lists which
 * name each other come to an end; only what the manifest itself confirms is in it.
 */
export async function discover(from: ReadOnlyTarget, subject: Descriptor, call?: Call): Promise<readonly Discovered[]> {
  const seen = new Set<Digest>([subject.digest])
  const level = async (parent: Descriptor, depth: number): Promise<readonly Discovered[]> => {
    if (depth >= DEPTH_LIMIT || !from.referrers) return []
    const confirmed: Descriptor[] = []
    for await (const d of from.referrers(parent, call)) {
      checkCanceled(call)
      if (seen.has(d.digest) || seen.size >= NODES_LIMIT || !(await refersTo(from, d, parent, call))) continue
      seen.add(d.digest)
      confirmed.push(d)
    }
    const nodes: Discovered[] = []
    for (const descriptor of confirmed) nodes.push({ descriptor, referrers: await level(descriptor, depth + 1) })
    return nodes
  }
  return level(subject, 0)
}

/** Lists of referrers are the registry's word: only the manifest itself proves the relation. */
export async function refersTo(
  from: ReadOnlyTarget,
  referrer: Descriptor,
  subject: Descriptor,
  call?: Call,
): Promise<boolean> {
  if (!isManifest(referrer.mediaType) && !isIndex(referrer.mediaType)) return false
  const bytes = await readDocument(from, referrer, call)
  const { subject: named } = isIndex(referrer.mediaType) ? parseIndex(bytes) : parseManifest(bytes)
  return named?.digest === subject.digest
}

async function putMissing(to: Target, d: Descriptor, bytes: Uint8Array, call?: Call): Promise<void> {
  if (!(await to.has(d, call))) await to.put(d, streamOf(bytes), call)
}
