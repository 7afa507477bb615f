import { fail, type Call } from '#base'
import type { LocalStore } from '#content'
import { openImage } from '#image'
import {
  formatPlatform,
  formatReference,
  isDigest,
  isImageConfig,
  isManifest,
  matchPlatform,
  parseImageConfig,
  parseManifest,
  parseReference,
  platformOf,
  withDefaultTag,
  type Descriptor,
  type Digest,
  type ImageConfig,
  type Platform,
} from '#oci'
import type { Parts } from '../parts.ts'
import { allFacts, heldFacts, noSuchImage } from './facts.ts'
import { ofWhole } from './whole.ts'

/** An image of the store, by name or ID. */
export interface Located {
  readonly root: Descriptor
  /** The full name that was given; absent when it was an ID. */
  readonly name?: string
}

/** The digits of an ID that listings show. In a Dockerfile fewer are a name: `FROM cafe` is no image's beginning. */
const SHOWN_DIGITS = 12

/** What a Dockerfile means by a reference: as {@link locate} has it, of an ID at least as many digits as listings show. */
export async function locateBase(parts: Parts, ref: string, call?: Call): Promise<Located> {
  const short = /^(?:sha256:)?([0-9a-f]+)$/.exec(ref)?.[1]
  if (short === undefined || short.length >= SHOWN_DIGITS) return locate(parts, ref, call)
  return (ref === short ? byName(await parts.names(), ref) : undefined) ?? noSuchImage(ref)
}

/**
 * What a person means by a reference, in Docker's order: a whole ID or digest, a name, the
 * beginning of an ID. `not_found` for what is none of them.
 */
export async function locate(parts: Parts, ref: string, call?: Call): Promise<Located> {
  const names = await parts.names()
  const bare = /^[0-9a-f]{64}$/.test(ref) ? `sha256:${ref}` : ref
  if (isDigest(bare)) {
    const root = names.withDigest(bare)[0]?.root ?? (await byId(parts, (id) => id === bare, call))[0]
    return root ? { root } : noSuchImage(ref)
  }
  const hex = /^(?:sha256:)?([0-9a-f]+)$/.exec(ref)?.[1]
  const named = hex !== undefined && ref.startsWith('sha256:') ? undefined : byName(names, ref)
  if (named) return named
  const roots = hex === undefined ? [] : await byId(parts, (id) => id.startsWith(`sha256:${hex}`), call)
  if (roots.length > 1) fail('invalid_argument', `several images' IDs begin with ${hex}: give more digits`)
  return roots[0] ? { root: roots[0] } : noSuchImage(ref)
}

function byName(names: Awaited<ReturnType<Parts['names']>>, ref: string): Located | undefined {
  const reference = withDefaultTag(parseReference(ref))
  if (reference.digest !== undefined) {
    const root = names.withDigest(reference.digest)[0]?.root
    return root && { root }
  }
  const name = formatReference(reference)
  const image = names.get(name)
  return image && { root: image.root, name }
}

/** Roots of images by their IDs: the configs' digests. */
async function byId(parts: Parts, matches: (id: Digest) => boolean, call?: Call): Promise<readonly Descriptor[]> {
  const names = await parts.names()
  const facts = await allFacts(parts, call)
  const found = new Map<Digest, Descriptor>()
  for (const { root } of names.list()) {
    const { id } = facts.get(root.digest) ?? {}
    if (id !== undefined && matches(id)) found.set(id, root)
  }
  for (const [root, { id }] of found.size > 0 ? [] : await heldFacts(parts, facts, call))
    if (matches(id)) found.set(id, root)
  return [...found.values()]
}

/** An image to make a container of. */
export interface FoundImage {
  readonly imageId: Digest
  readonly manifest: Descriptor
  readonly config: ImageConfig
  /** Asked again under the write lock: gc may have been quicker. */
  exists(): boolean
}

/**
 * Finds an image and reads its documents, each checked against its digest. Of several platforms' images the host's, or
 * `platform`'s; one that is of another platform than the one asked for is `not_found`.
 */
export async function findImage(
  parts: Parts,
  ref: string,
  platform: Platform | undefined,
  call?: Call,
): Promise<FoundImage> {
  const { root } = await locate(parts, ref, call)
  const [store, names] = await Promise.all([parts.store(), parts.names()])
  const image = await ofWhole(
    parts,
    { ref, root },
    async () => readNow(store, root) ?? (await readIndexed(store, root, platform, call)),
    call,
  )
  const own = platformOf(image.config)
  if (platform && matchPlatform(platform, own) === undefined)
    fail('not_found', `image ${ref} is for ${formatPlatform(own)}, not for ${formatPlatform(platform)}`)
  const kept = (): boolean =>
    names.withDigest(root.digest).length > 0 || parts.containers.usingManifest(image.manifest.digest).length > 0
  return { ...image, exists: kept }
}

type Documents = Pick<FoundImage, 'imageId' | 'manifest' | 'config'>

/** The usual case without a thread pool, which takes longer to start than both reads: a manifest, not an index. */
function readNow(store: LocalStore, root: Descriptor): Documents | undefined {
  if (!isManifest(root.mediaType)) return undefined
  const bytes = store.document(root) ?? missing(root)
  const manifest = parseManifest(bytes, root.mediaType)
  if (!isImageConfig(manifest.config.mediaType)) return undefined
  const config = parseImageConfig(store.document(manifest.config) ?? missing(manifest.config))
  if (config.rootfs.diff_ids.length !== manifest.layers.length)
    fail(
      'data_loss',
      `image ${root.digest} is malformed: it has ${manifest.layers.length} layers, its config ${config.rootfs.diff_ids.length}`,
    )
  return { imageId: manifest.config.digest, manifest: root, config }
}

async function readIndexed(
  store: LocalStore,
  root: Descriptor,
  platform: Platform | undefined,
  call?: Call,
): Promise<Documents> {
  const image = await openImage(store, root, platform, call)
  return { imageId: image.manifest.config.digest, manifest: image.descriptor, config: image.config }
}

function missing({ digest }: Descriptor): never {
  fail('data_loss', `${digest}, a part of the image, is missing from the store`, {
    hint: 'load or build the image again',
  })
}
