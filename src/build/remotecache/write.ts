import { streamOf, type Call } from '#base'
import type { ContentProvider, Target } from '#content'
import { encodeDocument, MediaType, type Descriptor, type Digest } from '#oci'
import { CACHE_CONFIG, CACHE_TYPE, cacheDocument } from './document.ts'
import type { CacheContents } from './types.ts'

/** What a build cache is written from. */
export interface CacheWriting {
  readonly contents: CacheContents
  /** A layer as it is to be stored. */
  readonly layer: (diffId: Digest, call?: Call) => Promise<Descriptor>
  /** Where the layers can be read. */
  readonly content: ContentProvider
  /** Gets the name. */
  readonly tag?: string
  /** Instead of a name: the image that this is the cache of. */
  readonly subject?: Descriptor
}

/** Sends a cache: layers that are not there, then the records, then the manifest that names them. */
export async function writeCache(to: Target, writing: CacheWriting, call?: Call): Promise<Descriptor> {
  const { document, blobs } = cacheDocument(writing.contents)
  const layers: Descriptor[] = []
  for (const diffId of blobs) layers.push(await sent(to, writing, diffId, call))
  const config = await encodeDocument(CACHE_CONFIG, document)
  await to.put(config.descriptor, streamOf(config.bytes), call)
  const { subject } = writing
  const manifest = await encodeDocument(MediaType.ociManifest, {
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    artifactType: CACHE_TYPE,
    config: config.descriptor,
    layers,
    ...(subject ? { subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size } } : {}),
  })
  await to.put(manifest.descriptor, streamOf(manifest.bytes), call)
  if (writing.tag !== undefined) await to.tag(manifest.descriptor, writing.tag, call)
  return manifest.descriptor
}

async function sent(to: Target, { layer, content }: CacheWriting, diffId: Digest, call?: Call): Promise<Descriptor> {
  const { mediaType, digest, size } = await layer(diffId, call)
  const descriptor = { mediaType, digest, size }
  if (!(await to.has(descriptor, call))) await to.put(descriptor, await content.open(descriptor, call), call)
  return descriptor
}
