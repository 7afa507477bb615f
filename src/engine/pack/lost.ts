import { isCode, type Call } from '#base'
import { onlyPresent, readDocument, unionProvider, type ContentProvider, type Lease } from '#content'
import { openImage, type Layer } from '#image'
import {
  isAttestation,
  isImageConfig,
  isIndex,
  parseIndex,
  parseManifest,
  parseReference,
  type Descriptor,
  type Digest,
} from '#oci'
import { distantLayers } from '../image/distant.ts'
import type { Parts } from '../parts.ts'
import { layerBlobs, rememberLayers } from '../registry/layerblobs.ts'
import { recompressed } from './layerforms.ts'
import type { Packed } from './types.ts'

/**
 * Compressed layers of an image of which the tars are here and nobody has the blobs: not this store, not whoever they
 * came from, not `elsewhere`. Once one of them is lost all are that would have to be fetched: the manifest changes
 * anyway, and each question to a registry that does not answer takes seconds.
 */
export async function lostLayers(
  parts: Parts,
  root: Descriptor,
  content: ContentProvider,
  elsewhere: (layer: Descriptor, call?: Call) => Promise<boolean> = async () => false,
  call?: Call,
): Promise<ReadonlySet<Digest>> {
  const wanted: Descriptor[] = []
  for (const layer of await layersWithoutBlobs(parts, root, content, call)) {
    adopt(parts, root, layer, await parts.names())
    if (!(await elsewhere(layer.descriptor, call))) wanted.push(layer.descriptor)
  }
  const distant = await distantLayers(parts)
  for (const layer of wanted)
    if (!(await opens(distant, layer, call))) return new Set(wanted.map(({ digest }) => digest))
  return new Set()
}

async function layersWithoutBlobs(
  parts: Parts,
  root: Descriptor,
  content: ContentProvider,
  call?: Call,
): Promise<readonly Layer[]> {
  const [store, layers, made] = await Promise.all([parts.store(), parts.layers(), recompressed(parts)])
  const here = unionProvider(store, layers, made)
  const found = new Map<Digest, Layer>()
  for (const image of await imagesOf(root, content, call))
    for (const layer of (await openImage(content, image, undefined, call)).layers)
      if (layers.stat(layer.diffId) && !layer.descriptor.urls && !(await here.has(layer.descriptor, call)))
        found.set(layer.descriptor.digest, layer)
  return [...found.values()]
}

async function imagesOf(root: Descriptor, content: ContentProvider, call?: Call): Promise<readonly Descriptor[]> {
  const bytes = await readDocument(content, root, call)
  if (!isIndex(root.mediaType)) {
    const { config } = parseManifest(bytes, root.mediaType)
    return isImageConfig(config.mediaType) ? [root] : []
  }
  const present = await onlyPresent(content)(parseIndex(bytes, root.mediaType).manifests, root)
  const below = await Promise.all(
    present.filter((entry) => !isAttestation(entry)).map((entry) => imagesOf(entry, content, call)),
  )
  return below.flat()
}

/** A layer that was pulled before it was written down from where: the image's names say it, if anything does. */
function adopt(parts: Parts, root: Descriptor, layer: Layer, names: Awaited<ReturnType<Parts['names']>>): void {
  if (layerBlobs(parts.db, layer.descriptor.digest).length > 0) return
  const sources = names.withDigest(root.digest).flatMap(({ name }) => {
    if (name === undefined) return []
    const { domain, path } = parseReference(name)
    return [`${domain}/${path}`]
  })
  for (const source of sources.length > 0 ? new Set(sources) : [undefined]) rememberLayers(parts.db, [layer], source)
}

async function opens(content: ContentProvider, layer: Descriptor, call?: Call): Promise<boolean> {
  try {
    await (await content.open(layer, call))[Symbol.asyncIterator]().return?.()
    return true
  } catch (error) {
    if (isCode(error, 'unavailable') || isCode(error, 'not_found')) return false
    throw error
  }
}

/** The one line that says why an image leaves under another digest. */
export function warnOfLost(
  lost: ReadonlySet<Digest>,
  how: 'compressed anew' | 'uncompressed',
  before: Descriptor,
  after: Descriptor,
  call?: Call,
): void {
  const layers = lost.size === 1 ? '1 layer is' : `${lost.size} layers are`
  const message = `${layers} here as tars alone and cannot be fetched: written ${how}, as ${after.digest} in place of ${before.digest}`
  call?.progress?.({ kind: 'warning', message })
}

/** The image as an archive or a layout can have it: of lost layers the tars. */
export async function withoutLost(
  parts: Parts,
  root: Descriptor,
  { content, lease }: { readonly content: ContentProvider; readonly lease: Lease },
  call?: Call,
): Promise<Packed> {
  const lost = await lostLayers(parts, root, content, undefined, call)
  if (lost.size === 0) return { root, content }
  const { pack } = await import('./pack.ts')
  const packed = await pack(parts, root, { content, lease, options: { lost } }, call)
  warnOfLost(lost, 'uncompressed', root, packed.root, call)
  return packed
}
