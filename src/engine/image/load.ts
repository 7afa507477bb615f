import { fail, type Call } from '#base'
import {
  acquireLease,
  copyGraph,
  onlyPresent,
  openArchive,
  type ArchivedImage,
  type ImageArchive,
  type Lease,
} from '#content'
import { chooseImage, openImage, openImageArchive, type Layer } from '#image'
import { familiarName, isManifest, parsePlatform, parseReference, type Digest } from '#oci'
import type { Parts } from '../parts.ts'
import type { ArchiveSource } from '../types.ts'
import { eachLayer } from './eachlayer.ts'
import { createdTime, factsFor } from './facts.ts'

/**
 * Brings the images of an archive into the store: layers of this host's platform are converted, in
 * parallel and each in one pass, while their compressed blobs are kept, so that they are saved
 * again under the same digests. Nothing has a name before everything is there.
 */
export async function load(
  parts: Parts,
  source: ArchiveSource,
  { platform }: { readonly platform?: string } = {},
  call?: Call,
): Promise<readonly string[]> {
  const store = await parts.store()
  await using lease = acquireLease(parts.db, 'load')
  await using files = await openArchive(
    'stream' in source ? source : { path: 'file' in source ? source.file : source.directory },
    { ...call, spool: store.spool },
  )
  const archive = await openImageArchive(files, call)
  const images = await archive.images(call)
  if (images.length === 0) fail('invalid_argument', `${files.name} holds no images`)
  const loaded: string[] = []
  for (const { root, names } of images) {
    const wanted = platform === undefined ? root : await chooseImage(archive, root, parsePlatform(platform), call)
    loaded.push(...(await loadOne(parts, archive, { root: wanted, names }, lease, call)))
  }
  return loaded
}

async function loadOne(
  parts: Parts,
  archive: ImageArchive,
  { root, names }: ArchivedImage,
  lease: Lease,
  call?: Call,
): Promise<readonly string[]> {
  const store = (await parts.store()).leased(lease)
  const image = await openImage(archive, root, undefined, call)
  await addLayers(parts, image.layers, lease, call)
  const converted = new Set<Digest>(image.layers.map(({ descriptor }) => descriptor.digest))
  await copyGraph(archive, store, root, {
    ...call,
    lease,
    exclude: ({ digest }) => converted.has(digest),
    ...(isManifest(root.mediaType) ? {} : { select: onlyPresent(archive) }),
  })
  const table = await parts.names()
  const created = createdTime(image.config)
  for (const name of names) table.tag(root, name, created)
  if (names.length === 0) table.keep(root, created)
  const { id } = await factsFor(parts, root, call)
  return names.length > 0 ? names.map((name) => familiarName(parseReference(name))) : [id]
}

/** Converts layers, several at once; a compressed blob is kept beside its layer. */
async function addLayers(parts: Parts, layers: readonly Layer[], lease: Lease, call?: Call): Promise<void> {
  const [store, layerStore] = await Promise.all([parts.store(), parts.layers()])
  const leased = store.leased(lease)
  const add = async (layer: Layer, inner: Call): Promise<void> => {
    const { descriptor, diffId } = layer
    lease.add(diffId)
    lease.add(descriptor.digest)
    const keep = descriptor.digest === diffId ? undefined : leased
    await layerStore.add({ descriptor, diffId }, () => layer.blob({ ...inner, verify: false }), keep, inner)
  }
  await eachLayer(layers, add, call)
}
