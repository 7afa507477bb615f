import { fail, type Call } from '#base'
import { acquireLease, onlyPresent, openReferrers, readDocument, type ContentProvider, type Lease } from '#content'
import { chooseImage } from '#image'
import {
  familiarName,
  familiarRepository,
  formatReference,
  isIndex,
  parseIndex,
  parsePlatform,
  parseReference,
  withDefaultTag,
  type Descriptor,
  type Digest,
  type Platform,
  type Reference,
} from '#oci'
import { copyImage } from '#registry/client'
import { imageContent } from '../image/content.ts'
import type { Parts } from '../parts.ts'
import type { PushOptions, Pushed } from '../types.ts'
import { lostLayers, warnOfLost } from '../pack/lost.ts'
import { pack } from '../pack/pack.ts'
import { layerBlobs } from './layerblobs.ts'

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
  const far = /^ssh:\/\/[^/]+\/(.+)$/s.exec(ref)?.[1]
  if (far !== undefined) return (await import('../transport/pull.ts')).pushTo(parts, ref, far, options, call)
  const given = parseReference(ref)
  if (given.digest !== undefined)
    fail('invalid_argument', `cannot push a digest reference: ${ref}`, { hint: 'push a tag' })
  if (options.all && given.tag !== undefined)
    fail('invalid_argument', `a tag cannot be given with all tags: ${ref}`, { hint: familiarRepository(given) })
  const references = options.all ? await tagsHere(parts, given) : [withDefaultTag(given)]
  await using lease = acquireLease(parts.db, `push ${familiarName(given)}`)
  const pushed: Pushed[] = []
  for (const reference of references) pushed.push(await pushOne(parts, reference, { ...options, lease }, call))
  return pushed
}

/** Every name of a repository here that has a tag. */
export async function tagsHere(parts: Parts, { domain, path }: Reference): Promise<readonly Reference[]> {
  const references = (await parts.names())
    .list()
    .flatMap(({ name }) => (name === undefined ? [] : [parseReference(name)]))
    .filter((reference) => reference.tag !== undefined && reference.domain === domain && reference.path === path)
  return references.length > 0 ? references : lacking({ domain, path })
}

async function pushOne(
  parts: Parts,
  reference: Reference,
  { lease, platform, jobs, referrers }: PushOptions & { readonly lease: Lease },
  call?: Call,
): Promise<Pushed> {
  const names = await parts.names()
  const name = formatReference(reference)
  const tag = reference.tag ?? 'latest'
  const named = names.get(name) ?? lacking(reference)
  lease.add(named.root.digest)
  const step = { kind: 'vertex', id: name, name: `${tag}: Pushing to ${reference.domain}/${reference.path}` } as const
  const started = Date.now()
  call?.progress?.({ ...step, started })
  const wanted = platform === undefined ? {} : { platform: parsePlatform(platform) }
  const { client } = await parts.registries()
  const repository = client.repository(reference)
  const there = (layer: Descriptor): Promise<boolean> => repository.has(layer, call)
  const source = await sourceOf(parts, named.root, { lease, there, ...wanted }, call)
  const siblings = names
    .withDigest(named.root.digest)
    .flatMap((image) => (image.name ? [parseReference(image.name)] : []))
    .filter(({ domain }) => domain === reference.domain)
    .map(({ path }) => path)
  if (referrers && source.root.digest !== named.root.digest) await warnOfOthers(parts, named.root, call)
  const { sentFrom } = await import('../transport/store.ts')
  const from = await sentFrom(parts, source)
  await copyImage(from, repository, source.root, {
    ...call,
    lease,
    vertex: name,
    tags: [tag],
    ...(referrers ? { referrers } : {}),
    ...(jobs === undefined ? {} : { concurrency: jobs }),
    mountFrom: lendersOf(parts, reference, siblings),
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

/** Compressed on its way, an image has another digest there than the one that its referrers here name. */
async function warnOfOthers(parts: Parts, root: Descriptor, call?: Call): Promise<void> {
  const count = openReferrers(parts.db).of(root.digest).length
  const message = `${count} that refer to ${root.digest} stay here: the image goes out under another digest`
  if (count > 0) call?.progress?.({ kind: 'warning', message })
}

/** For each blob the repositories of the same registry in which it was met, then `more`. */
export function lendersOf(
  parts: Parts,
  { domain, path }: Reference,
  more: readonly string[],
): (blob: Descriptor) => readonly string[] {
  return ({ digest }) => {
    const met = layerBlobs(parts.db, digest)
      .filter(({ source }) => source.startsWith(`${domain}/`))
      .map(({ source }) => source.slice(domain.length + 1))
    return [...new Set([...met, ...more])].filter((lender) => lender !== path).slice(0, LENDERS)
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
 * in part the one image. With `there`, layers whose blobs neither that place nor anybody else has are compressed anew.
 */
export async function sourceOf(
  parts: Parts,
  root: Descriptor,
  {
    lease,
    platform,
    there,
  }: {
    readonly lease: Lease
    readonly platform?: Platform
    readonly there?: (layer: Descriptor) => Promise<boolean>
  },
  call?: Call,
): Promise<Source> {
  const content = await imageContent(parts)
  const packed = async (of: Descriptor): Promise<Source> => {
    const lost = there && (await lostLayers(parts, of, content, there, call))
    const options = { compression: 'gzip', ...(lost ? { lost } : {}) } as const
    const source = await pack(parts, of, { content, lease, options }, call)
    if (lost && lost.size > 0) warnOfLost(lost, 'compressed anew', of, source.root, call)
    return source
  }
  if (!isIndex(root.mediaType)) return packed(root)
  if (platform) return packed(await chooseImage(content, root, platform, call))
  const { manifests } = parseIndex(await readDocument(content, root, call), root.mediaType)
  const here = await onlyPresent(content)(manifests, root)
  if (here.length === manifests.length) return packed(root)
  // Registries refuse an index that names what they do not have.
  return { ...(await packed(await chooseImage(content, root, undefined, call))), partOf: root.digest }
}

function lacking(reference: Reference): never {
  return fail('not_found', `an image does not exist locally with the tag: ${familiarName(reference)}`, {
    hint: "give it that name with 'cairn tag'",
  })
}
