import { text, type Call } from '#base'
import { readDocument, unionProvider, type ContentProvider, type Lease } from '#content'
import { openImage, type OpenedImage } from '#image'
import {
  isAttestation,
  isImageConfig,
  isIndex,
  MediaType,
  parseIndex,
  parseManifest,
  type Descriptor,
  type Digest,
  type Platform,
} from '#oci'
import type { Parts } from '../parts.ts'
import { wasPulled } from '../registry/pulledtable.ts'
import { annotated, checkPlaces } from './annotations.ts'
import { repointed } from './attestations.ts'
import { MadeDocuments } from './documents.ts'
import { packedLayers } from './layers.ts'
import type { Packed, PackOptions } from './types.ts'

/** What packing one image needs. */
export interface Packing {
  readonly parts: Parts
  readonly content: ContentProvider
  readonly lease: Lease
  readonly options: PackOptions
  readonly made: MadeDocuments
}

/**
 * An image or index as it leaves the store: layers in the wanted form, annotations added, media types of one family.
 * What nothing asks to change stays, to the digest; so the same image packed the same way is the same wherever it
 * goes. Attestations follow the images that they are about.
 */
export async function pack(
  parts: Parts,
  root: Descriptor,
  about: { readonly content: ContentProvider; readonly lease: Lease; readonly options: PackOptions },
  call?: Call,
): Promise<Packed> {
  const made = new MadeDocuments()
  const content = unionProvider(made, about.content)
  const packing: Packing = { ...about, parts, content, made }
  const packed = isIndex(root.mediaType)
    ? await packIndex(packing, root, call)
    : await packImage(packing, root, undefined, call)
  return { root: packed, content }
}

async function packIndex(packing: Packing, root: Descriptor, call?: Call): Promise<Descriptor> {
  const { content, options, made } = packing
  const { annotations: rules = [] } = options
  const bytes = await readDocument(content, root, call)
  const { manifests } = parseIndex(bytes, root.mediaType)
  const images = manifests.filter((entry) => !isAttestation(entry))
  checkPlaces(
    rules,
    true,
    images.flatMap(({ platform }) => platform ?? []),
  )
  const packed = new Map<Digest, Descriptor>()
  for (const image of images) packed.set(image.digest, await packImage(packing, image, image.platform, call))
  const entries: Descriptor[] = []
  for (const entry of manifests)
    entries.push(packed.get(entry.digest) ?? (await repointed(packing, entry, packed, call)))
  const document = JSON.parse(text(bytes)) as Record<string, unknown>
  const before = document['annotations'] as Record<string, string> | undefined
  const after = annotated(before, rules, 'index')
  const mediaType = family(root.mediaType, options)
  const same = mediaType === root.mediaType && before === after && entries.every((entry, i) => entry === manifests[i])
  const own = annotated(root.annotations, rules, 'index-descriptor')
  if (same) return own === root.annotations ? root : { ...root, ...member(own) }
  const index = await made.add(mediaType, { ...document, mediaType, manifests: entries, ...member(after) })
  return { ...index, ...member(own) }
}

/** The same descriptor when nothing changes. */
async function packImage(
  packing: Packing,
  descriptor: Descriptor,
  platform: Platform | undefined,
  call?: Call,
): Promise<Descriptor> {
  const { content, options, made } = packing
  const { annotations: rules = [] } = options
  const bytes = await readDocument(content, descriptor, call)
  const manifest = parseManifest(bytes, descriptor.mediaType)
  if (!isImageConfig(manifest.config.mediaType)) return descriptor
  const image = await openImage(content, descriptor, undefined, call)
  const of = platform ?? image.platform
  if (platform === undefined) checkPlaces(rules, false, [of])
  const layers = await layersOf(packing, image, call)
  const after = annotated(manifest.annotations, rules, 'manifest', of)
  const mediaType = family(descriptor.mediaType, options)
  const own = annotated(descriptor.annotations, rules, 'manifest-descriptor', of)
  const same =
    mediaType === descriptor.mediaType &&
    after === manifest.annotations &&
    layers.every((layer, i) => layer === image.manifest.layers[i])
  if (same) return own === descriptor.annotations ? descriptor : { ...descriptor, ...member(own) }
  const document = JSON.parse(text(bytes)) as object
  const config = { ...manifest.config, mediaType: family(manifest.config.mediaType, options) }
  const encoded = await made.add(mediaType, { ...document, mediaType, config, layers, ...member(after) })
  return { ...encoded, ...(descriptor.platform && { platform: descriptor.platform }), ...member(own) }
}

/** What came from a registry goes out as it came, unless another form is forced or its blobs are lost. */
async function layersOf(packing: Packing, image: OpenedImage, call?: Call): Promise<readonly Descriptor[]> {
  const { options, parts } = packing
  const asItCame = !options.force && wasPulled(parts.db, image.descriptor.digest)
  if (asItCame && !image.layers.some(({ descriptor }) => options.lost?.has(descriptor.digest)))
    return image.manifest.layers
  return packedLayers(packing, image, asItCame, call)
}

function member(annotations: Readonly<Record<string, string>> | undefined): object {
  return annotations === undefined ? {} : { annotations }
}

const DOCKER: Readonly<Record<string, string>> = {
  [MediaType.ociIndex]: MediaType.dockerManifestList,
  [MediaType.ociManifest]: MediaType.dockerManifest,
  [MediaType.ociConfig]: MediaType.dockerConfig,
}
const OCI = Object.fromEntries(Object.entries(DOCKER).map(([oci, docker]) => [docker, oci]))

function family(mediaType: string, { ociTypes }: PackOptions): string {
  if (ociTypes === undefined) return mediaType
  return (ociTypes ? OCI : DOCKER)[mediaType] ?? mediaType
}
