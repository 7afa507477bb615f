import { fail, streamOf, text, type Call } from '#base'
import { acquireLease, onlyPresent, readDocument, unionProvider, type ContentProvider, type Lease } from '#content'
import { chooseImage, openImage } from '#image'
import {
  encodeDocument,
  familiarName,
  familiarRepository,
  formatReference,
  isImageConfig,
  isIndex,
  parseIndex,
  parseManifest,
  parseReference,
  withDefaultTag,
  type Descriptor,
  type Digest,
  type Reference,
} from '#oci'
import { copyImage } from '#registry/client'
import { imageContent } from '../image/content.ts'
import { eachLayer } from '../image/eachlayer.ts'
import type { Parts } from '../parts.ts'
import type { PushOptions, Pushed } from '../types.ts'
import { compressedLayer, isPlainLayer } from './compress.ts'
import { wasPulled } from './pulledtable.ts'

/** Repositories of the same registry that are asked to lend their blobs. */
const LENDERS = 2

/**
 * Sends an image to the registry in its name. What came from a registry goes out as it came, with the same digests;
 * layers that were made here are compressed on the way, always to the same bytes.
 */
export async function push(
  parts: Parts,
  ref: string,
  options: PushOptions = {},
  call?: Call,
): Promise<readonly Pushed[]> {
  const given = parseReference(ref)
  if (given.digest !== undefined)
    fail('invalid_argument', `cannot push a digest reference: ${ref}`, { hint: 'push a tag' })
  if (options.all && given.tag !== undefined)
    fail('invalid_argument', `a tag cannot be given with all tags: ${ref}`, { hint: familiarRepository(given) })
  const references = options.all ? await tagsHere(parts, given) : [withDefaultTag(given)]
  await using lease = acquireLease(parts.db, `push ${familiarName(given)}`)
  const pushed: Pushed[] = []
  for (const reference of references) pushed.push(await pushOne(parts, reference, lease, call))
  return pushed
}

async function tagsHere(parts: Parts, { domain, path }: Reference): Promise<readonly Reference[]> {
  const references = (await parts.names())
    .list()
    .flatMap(({ name }) => (name === undefined ? [] : [parseReference(name)]))
    .filter((reference) => reference.domain === domain && reference.path === path)
  return references.length > 0 ? references : lacking({ domain, path })
}

async function pushOne(parts: Parts, reference: Reference, lease: Lease, call?: Call): Promise<Pushed> {
  const names = await parts.names()
  const name = formatReference(reference)
  const tag = reference.tag ?? 'latest'
  const named = names.get(name) ?? lacking(reference)
  lease.add(named.root.digest)
  const step = { kind: 'vertex', id: name, name: `${tag}: Pushing to ${reference.domain}/${reference.path}` } as const
  const started = Date.now()
  call?.progress?.({ ...step, started })
  const source = await sourceOf(parts, named.root, lease, call)
  const { client } = await parts.registries()
  const siblings = names
    .withDigest(named.root.digest)
    .flatMap((image) => (image.name ? [parseReference(image.name)] : []))
  const mountFrom = siblings
    .filter((s) => s.domain === reference.domain && s.path !== reference.path)
    .map((s) => s.path)
  const origins = siblings.map((sibling) => client.repository(sibling))
  const content = unionProvider(source.content, ...(wasPulled(parts.db, named.root.digest) ? origins : []))
  const from = { ...content, resolve: async () => source.root }
  await copyImage(from, client.repository(reference), source.root, {
    ...call,
    lease,
    tags: [tag],
    mountFrom: [...new Set(mountFrom)].slice(0, LENDERS),
  })
  call?.progress?.({ ...step, started, completed: Date.now() })
  return {
    name: familiarName(reference),
    tag,
    digest: source.root.digest,
    size: source.root.size,
    ...(source.partOf ? { partOf: source.partOf } : {}),
  }
}

interface Source {
  readonly root: Descriptor
  readonly content: ContentProvider
  /** The index of which only this image is here. */
  readonly partOf?: Digest
}

/**
 * What a registry is sent of a local image: plain layers that were made here compressed, and of an index that is here
 * in part the one image.
 */
export async function sourceOf(parts: Parts, root: Descriptor, lease: Lease, call?: Call): Promise<Source> {
  const content = await imageContent(parts)
  if (!isIndex(root.mediaType)) return compressed(parts, content, root, lease, call)
  const { manifests } = parseIndex(await readDocument(content, root, call), root.mediaType)
  const here = await onlyPresent(content)(manifests, root)
  if (here.length === manifests.length) return { root, content }
  // Registries refuse an index that names what they do not have.
  return { root: await chooseImage(content, root, undefined, call), content, partOf: root.digest }
}

/** The image with its plain layers compressed; everything else of its manifest stays. */
async function compressed(
  parts: Parts,
  content: ContentProvider,
  root: Descriptor,
  lease: Lease,
  call?: Call,
): Promise<Source> {
  const bytes = await readDocument(content, root, call)
  const manifest = parseManifest(bytes, root.mediaType)
  if (!isImageConfig(manifest.config.mediaType) || wasPulled(parts.db, root.digest)) return { root, content }
  const plain = (await openImage(content, root, undefined, call)).layers.filter((l) => isPlainLayer(l.descriptor))
  if (plain.length === 0) return { root, content }
  const made = new Map<Digest, Descriptor>()
  const compress = async ({ descriptor }: (typeof plain)[number], inner: Call): Promise<void> =>
    void made.set(descriptor.digest, await compressedLayer(parts, descriptor, lease, inner))
  await eachLayer(plain, compress, call)
  const layers = manifest.layers.map((layer) => (isPlainLayer(layer) ? (made.get(layer.digest) ?? layer) : layer))
  const document = JSON.parse(text(bytes)) as object
  const encoded = await encodeDocument(root.mediaType, { ...document, layers })
  const own: ContentProvider = {
    has: async ({ digest }) => digest === encoded.descriptor.digest,
    open: async () => streamOf(encoded.bytes),
  }
  return { root: encoded.descriptor, content: unionProvider(own, content) }
}

function lacking(reference: Reference): never {
  return fail('not_found', `an image does not exist locally with the tag: ${familiarName(reference)}`, {
    hint: "give it that name with 'cairn tag'",
  })
}
