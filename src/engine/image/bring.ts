import { isCode, type Call } from '#base'
import { copyGraph, onePlatform, onlyPresent, type ContentProvider, type CopyOptions, type Lease } from '#content'
import { chooseImage, openImage, type OpenedImage } from '#image'
import { formatReference, hostPlatform, isImageConfig, isManifest } from '#oci'
import type { Descriptor, Digest, Platform, Reference } from '#oci'
import { somePlatforms } from '#registry/client'
import type { Parts } from '../parts.ts'
import { fetchLayer } from '../registry/fetchlayer.ts'
import { createdTime } from './facts.ts'
import { eachLayer } from './eachlayer.ts'

/** How an image comes into the store. */
export interface Bringing {
  readonly parts: Parts
  readonly lease: Lease
  /** The repository it comes from, where that can be asked again. */
  readonly origin?: string
  /** A layer's tar where the compressed blob is not to be had. */
  readonly tarOf?: (diffId: Digest, call?: Call) => Promise<Descriptor | undefined>
  /** The step that the layers' progress belongs to. */
  readonly vertex: string
  /**
   * Of an index: the image for one platform, or those for several and the host's. Default: the host's alone,
   * which is also the one that an index is kept for.
   */
  readonly platforms?: readonly Platform[]
  /** Of an index: every image. */
  readonly all?: boolean
  /** What of an index is not there is left out. */
  readonly sparse?: boolean
  /** Layers under way at once. */
  readonly concurrency?: number
}

export interface Brought {
  readonly root: Descriptor
  readonly image: OpenedImage
}

/**
 * Brings an image from anywhere: its documents, and its layers laid out, several at once. Layers for other
 * platforms stay blobs. Nothing has a name yet. What an interrupted attempt fetched is not fetched again.
 */
export async function bringImage(
  bringing: Bringing,
  content: ContentProvider,
  found: Descriptor,
  call?: Call,
): Promise<Brought> {
  const { parts, lease, vertex, origin, tarOf, platforms = [], concurrency } = bringing
  const [local, layers] = await Promise.all([parts.store(), parts.layers()])
  const store = local.leased(lease)
  const one = platforms.length === 1 ? platforms[0] : undefined
  // The config is read here and kept at once: it is fetched one time, or not at all.
  const from: ContentProvider = {
    has: (d, inner) => content.has(d, inner),
    open: async (d, inner) => {
      if (!isImageConfig(d.mediaType)) return content.open(d, inner)
      lease.add(d.digest)
      if (!(await store.has(d, inner))) await store.put(d, await content.open(d, inner), inner)
      return store.open(d, inner)
    },
  }
  const root = await rootFor(from, found, one, call)
  const image = await openImage(from, root, one, call)
  const fetch = {
    from,
    store,
    layers,
    db: parts.db,
    lease,
    vertex,
    ...(origin === undefined ? {} : { origin }),
    ...(tarOf ? { tarOf } : {}),
  }
  await eachLayer(image.layers, (layer, inner) => fetchLayer(fetch, layer, inner), {
    ...call,
    ...(concurrency === undefined ? {} : { jobs: concurrency }),
  })
  const laidOut = new Set<Digest>(image.layers.map(({ descriptor }) => descriptor.digest))
  const { progress: _, ...quiet } = call ?? {}
  await copyGraph(from, store, root, {
    ...quiet,
    lease,
    ...(concurrency === undefined ? {} : { concurrency }),
    exclude: ({ digest }) => laidOut.has(digest),
    ...selection(root, image.platform, bringing, content),
  })
  return { root, image }
}

function selection(
  root: Descriptor,
  own: Platform,
  { platforms = [], all, sparse }: Bringing,
  content: ContentProvider,
): Pick<CopyOptions, 'select'> {
  if (isManifest(root.mediaType)) return {}
  if (all) return sparse ? { select: onlyPresent(content) } : {}
  return { select: platforms.length > 1 ? somePlatforms([hostPlatform(), ...platforms]) : onePlatform(own) }
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

/** Gives what was brought its name. True when the name meant another image, or none, before. */
export async function giveName(parts: Parts, reference: Reference, { root, image }: Brought): Promise<boolean> {
  const names = await parts.names()
  const created = createdTime(image.config)
  const changed =
    reference.digest === undefined
      ? names.get(formatReference(reference))?.root.digest !== root.digest
      : names.withDigest(root.digest).length === 0
  if (reference.digest === undefined) names.tag(root, formatReference(reference), created)
  else names.keep(root, created)
  return changed
}
