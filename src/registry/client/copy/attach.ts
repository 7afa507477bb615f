import { checkCanceled, streamOf, utf8 } from '#base'
import type { ByteStream, Call } from '#base'
import { blobStatus, readDocument, reported } from '#content'
import type { ReadOnlyTarget, Target } from '#content'
import { describe, encodeDocument, isIndex, isManifest, MediaType, parseIndex, parseManifest } from '#oci'
import type { Descriptor, Digest } from '#oci'

/** An artifact: anything but an image that a registry keeps (image-spec manifest.md, guidelines for artifact usage). */
export interface Artifact {
  /** What it is: `application/spdx+json`. */
  readonly artifactType: string
  readonly files: readonly AttachedFile[]
  readonly annotations?: Readonly<Record<string, string>>
  /** What it belongs to; that must be there. */
  readonly subject?: Descriptor
}

/** An artifact whose subject is given beside it. */
export type Attachment = Omit<Artifact, 'subject'>

/** A file in memory, or one that is read when the other side does not have it. */
export type AttachedFile =
  | {
      readonly mediaType: string
      readonly bytes: Uint8Array
      readonly annotations?: Readonly<Record<string, string>>
    }
  | {
      /** With its annotations. */
      readonly descriptor: Descriptor
      open(): ByteStream
    }

/** Puts an artifact beside an image: a manifest whose subject is the image. The same attachment gives the same digest. */
export function attach(to: Target, subject: Descriptor, attachment: Attachment, call?: Call): Promise<Descriptor> {
  return putArtifact(to, { ...attachment, subject }, call)
}

/** Puts an artifact. The same files, annotations and subject give the same digest. */
export async function putArtifact(to: Target, artifact: Artifact, call?: Call): Promise<Descriptor> {
  const { artifactType, annotations, subject } = artifact
  const empty = await describe(MediaType.ociEmpty, utf8('{}'))
  const layers: Descriptor[] = []
  for (const file of artifact.files) layers.push(await putFile(to, file, call))
  const config = empty.descriptor
  if (!(await to.has(config, call))) await to.put(config, streamOf(empty.bytes), call)
  const { descriptor, bytes } = await encodeDocument(MediaType.ociManifest, {
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    artifactType,
    config,
    layers: layers.length > 0 ? layers : [config],
    ...(subject ? { subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size } } : {}),
    ...(annotations ? { annotations } : {}),
  })
  await to.put(descriptor, streamOf(bytes), call)
  return { ...descriptor, artifactType }
}

async function putFile(to: Target, file: AttachedFile, call?: Call): Promise<Descriptor> {
  if ('open' in file) {
    const { descriptor } = file
    const progress = call?.progress
    if (await to.has(descriptor, call)) progress?.({ ...blobStatus(descriptor), note: 'Already exists' })
    else await to.put(descriptor, progress ? reported(descriptor, file.open(), progress) : file.open(), call)
    return descriptor
  }
  const { descriptor, bytes } = await describe(file.mediaType, file.bytes)
  if (!(await to.has(descriptor, call))) await to.put(descriptor, streamOf(bytes), call)
  return file.annotations ? { ...descriptor, annotations: file.annotations } : descriptor
}

/** A referrer with what refers to it. */
export interface Discovered {
  readonly descriptor: Descriptor
  readonly referrers: readonly Discovered[]
}

/** How much of the tree of referrers is looked at. */
export interface DiscoverCall extends Call {
  /** Of the image's own referrers those of this type alone; what refers to them is of any. */
  readonly artifactType?: string
  /** Levels of the tree. Default 16, which is the most. */
  readonly depth?: number
}

/** Depth and number of a tree of referrers; signatures of SBOMs of images make two levels. */
const DEPTH_LIMIT = 16
const NODES_LIMIT = 10_000

/**
 * The tree of everything that refers to an image. Each manifest appears once, so that lists which
 * name each other come to an end; only what the manifest itself confirms is in it.
 */
export async function discover(
  from: ReadOnlyTarget,
  subject: Descriptor,
  call: DiscoverCall = {},
): Promise<readonly Discovered[]> {
  const { artifactType, depth: limit = DEPTH_LIMIT } = call
  const seen = new Set<Digest>([subject.digest])
  const level = async (parent: Descriptor, depth: number): Promise<readonly Discovered[]> => {
    if (depth >= Math.min(limit, DEPTH_LIMIT) || !from.referrers) return []
    const confirmed: Descriptor[] = []
    for await (const d of from.referrers(parent, call)) {
      checkCanceled(call)
      if (depth === 0 && artifactType !== undefined && d.artifactType !== artifactType) continue
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
