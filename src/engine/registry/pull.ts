import { fail, isCode, type Call } from '#base'
import { acquireLease, copyGraph, onePlatform, type ContentProvider, type Lease } from '#content'
import { chooseImage, openImage, type OpenedImage } from '#image'
import {
  familiarName,
  familiarRepository,
  formatReference,
  isImageConfig,
  isManifest,
  parsePlatform,
  parseReference,
  withDefaultTag,
  type Descriptor,
  type Digest,
  type Platform,
  type Reference,
} from '#oci'
import type { Repository } from '#registry/client'
import { eachLayer } from '../image/eachlayer.ts'
import { createdTime, factsFor } from '../image/facts.ts'
import type { Parts } from '../parts.ts'
import type { PullOptions, Pulled } from '../types.ts'
import { fetchLayer } from './fetchlayer.ts'
import { rememberPulled } from './pulledtable.ts'

/**
 * Brings an image from its registry: its documents, and the layers of one platform, several at once.
 * It has a name only when everything is here. What an interrupted pull fetched is not fetched again.
 */
export async function pull(
  parts: Parts,
  ref: string,
  options: PullOptions = {},
  call?: Call,
): Promise<readonly Pulled[]> {
  const given = parseReference(ref)
  if (options.all && (given.tag !== undefined || given.digest !== undefined))
    fail('invalid_argument', `a tag or digest cannot be given with all tags: ${ref}`, {
      hint: familiarRepository(given),
    })
  const platform = options.platform === undefined ? undefined : parsePlatform(options.platform)
  const { client } = await parts.registries()
  const repository = client.repository(given)
  await using lease = acquireLease(parts.db, `pull ${familiarName(given)}`)
  const pulling = { parts, repository, platform, lease }
  if (!options.all) return [await pullOne(pulling, withDefaultTag(given), call)]
  const pulled: Pulled[] = []
  for await (const tag of repository.tags(call)) pulled.push(await pullOne(pulling, { ...given, tag }, call))
  return pulled
}

interface Pulling {
  readonly parts: Parts
  readonly repository: Repository
  readonly platform: Platform | undefined
  readonly lease: Lease
}

async function pullOne(pulling: Pulling, reference: Reference, call?: Call): Promise<Pulled> {
  const { parts, repository } = pulling
  const id = formatReference(reference)
  const step = {
    kind: 'vertex',
    id,
    name: `${reference.digest ?? reference.tag}: Pulling from ${reference.path}`,
  } as const
  const started = Date.now()
  call?.progress?.({ ...step, started })
  try {
    const { descriptor } = await repository.document(reference.digest ?? reference.tag ?? 'latest', call)
    const { root, image } = await fetchImage(pulling, descriptor, id, call)
    const changed = await giveName(parts, reference, root, image)
    const facts = await factsFor(parts, root, call)
    call?.progress?.({ ...step, started, completed: Date.now() })
    return { name: familiarName(reference), reference: id, digest: descriptor.digest, id: facts.id, changed }
  } catch (error) {
    call?.progress?.({ ...step, started, completed: Date.now(), error: String(error) })
    throw error
  }
}

async function fetchImage(
  { parts, repository, platform, lease }: Pulling,
  found: Descriptor,
  vertex: string,
  call?: Call,
): Promise<{ root: Descriptor; image: OpenedImage }> {
  const [local, layers] = await Promise.all([parts.store(), parts.layers()])
  const store = local.leased(lease)
  // The config is read here and kept at once: it is fetched one time, or not at all.
  const from: ContentProvider = {
    has: (d, inner) => repository.has(d, inner),
    open: async (d, inner) => {
      if (!isImageConfig(d.mediaType)) return repository.open(d, inner)
      lease.add(d.digest)
      if (!(await store.has(d, inner))) await store.put(d, await repository.open(d, inner), inner)
      return store.open(d, inner)
    },
  }
  const root = await rootFor(from, found, platform, call)
  const image = await openImage(from, root, platform, call)
  await eachLayer(
    image.layers,
    (layer, inner) => fetchLayer({ from, store, layers, lease, vertex }, layer, inner),
    call,
  )
  const laidOut = new Set<Digest>(image.layers.map(({ descriptor }) => descriptor.digest))
  const { progress: _, ...quiet } = call ?? {}
  await copyGraph(from, store, root, {
    ...quiet,
    lease,
    exclude: ({ digest }) => laidOut.has(digest),
    ...(isManifest(root.mediaType) ? {} : { select: onePlatform(image.platform) }),
  })
  rememberPulled(parts.db, [root.digest, image.descriptor.digest])
  return { root, image }
}

/** An index stands for the image that runs here; another platform's image is named by its own manifest. */
async function rootFor(
  from: ContentProvider,
  found: Descriptor,
  platform: Platform | undefined,
  call?: Call,
): Promise<Descriptor> {
  const chosen = await chooseImage(from, found, platform, call)
  if (platform === undefined) return found
  try {
    return (await chooseImage(from, found, undefined, call)).digest === chosen.digest ? found : chosen
  } catch (error) {
    if (isCode(error, 'not_found')) return chosen
    throw error
  }
}

/** True when the name meant another image, or none, before. */
async function giveName(
  parts: Parts,
  reference: Reference,
  root: Descriptor,
  { config }: OpenedImage,
): Promise<boolean> {
  const names = await parts.names()
  const created = createdTime(config)
  const changed =
    reference.digest === undefined
      ? names.get(formatReference(reference))?.root.digest !== root.digest
      : names.withDigest(root.digest).length === 0
  if (reference.digest === undefined) names.tag(root, formatReference(reference), created)
  else names.keep(root, created)
  return changed
}
