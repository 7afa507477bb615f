import { fail, isCode, utf8 } from '#base'
import type { ByteStream, Call } from '#base'
import { blobPath, readGraph, writeLayoutTar } from '#content'
import type { ArchivedImage, ContentProvider, Graph } from '#content'
import {
  formatPlatform,
  isAttestation,
  isImageConfig,
  isIndex,
  isManifest,
  layerCompression,
  parseManifest,
  parseReference,
  successors,
} from '#oci'
import type { Descriptor, Digest, Platform } from '#oci'
import { chooseImage } from '../choose.ts'
import { MANIFEST_FILE } from './manifestfile.ts'

/** What an archive's readers are shown. */
export interface SaveOptions {
  /** Which image of an index a docker-archive's reader sees. Default: the host's, else the first that is there. */
  readonly platform?: Platform
}

/**
 * Images as one archive that is a docker-archive and an OCI layout at once, so that `docker load`,
 * `podman load` and skopeo's `docker-archive:` and `oci-archive:` all read it. Blobs are written as
 * they are stored; the same images give the same bytes. Fails before the first byte when something
 * is missing.
 */
export async function saveImages(
  images: readonly ArchivedImage[],
  content: ContentProvider,
  options: SaveOptions = {},
  call?: Call,
): Promise<ByteStream> {
  if (images.length === 0) fail('invalid_argument', 'no images to save')
  const roots = images.map((image) => image.root)
  const graph = await readGraph(content, roots, call)
  const entries: object[] = []
  for (const image of images) {
    const manifest = await dockerView(image.root, graph, content, options.platform, call)
    if (manifest) entries.push(manifestEntry(image, graph, manifest))
  }
  const more = new Map([[MANIFEST_FILE, utf8(JSON.stringify(entries))]])
  return writeLayoutTar(images, graph, content, more, call)
}

/** The one image of a root that a docker-archive can show; undefined when it has none here. */
async function dockerView(
  root: Descriptor,
  graph: Graph,
  content: ContentProvider,
  platform: Platform | undefined,
  call?: Call,
): Promise<Descriptor | undefined> {
  const present = imagesBelow(root, graph)
  const isPresent = (d: Descriptor): boolean => present.some((image) => image.digest === d.digest)
  try {
    const chosen = await chooseImage(content, root, platform, call)
    if (isPresent(chosen) || platform === undefined) return isPresent(chosen) ? chosen : present[0]
  } catch (error) {
    if (platform !== undefined || !isCode(error, 'not_found')) throw error
    return present[0]
  }
  return fail('not_found', `${root.digest} has no image for ${formatPlatform(platform)} here`)
}

/** The image manifests that a root reaches and that are here, in the order of its indexes. */
function imagesBelow(root: Descriptor, graph: Graph): readonly Descriptor[] {
  const found = new Map<Digest, Descriptor>()
  const queue = [root]
  for (let next = 0; next < queue.length; next++) {
    const d = queue[next]!
    const document = graph.documents.get(d.digest)
    if (!document || found.has(d.digest)) continue
    found.set(d.digest, d)
    if (isIndex(d.mediaType)) queue.push(...successors(d.mediaType, document.bytes))
  }
  return [...found.values()].filter((d) => isManifest(d.mediaType) && isImage(d, graph))
}

function isImage(d: Descriptor, graph: Graph): boolean {
  return (
    !isAttestation(d) &&
    isImageConfig(parseManifest(graph.documents.get(d.digest)!.bytes, d.mediaType).config.mediaType)
  )
}

function manifestEntry({ names }: ArchivedImage, graph: Graph, d: Descriptor): object {
  const { config, layers } = parseManifest(graph.documents.get(d.digest)!.bytes, d.mediaType)
  // In full: podman takes a short name for one of its own (localhost/).
  const tags = names.filter((name) => parseReference(name).tag !== undefined)
  return {
    Config: blobPath(config.digest),
    RepoTags: tags.length === 0 ? null : tags,
    Layers: layers.filter((l) => layerCompression(l.mediaType) !== undefined).map((layer) => blobPath(layer.digest)),
  }
}
