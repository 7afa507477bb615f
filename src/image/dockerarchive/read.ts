import { fail, streamOf } from '#base'
import type { Call } from '#base'
import { hashing } from '#codec'
import { openBlob } from '#content'
import type { ArchivedImage, ArchiveFiles, ImageArchive } from '#content'
import {
  describe,
  digestOf,
  encodeDocument,
  familiarName,
  formatReference,
  isDigest,
  MediaType,
  parseImageConfig,
  parseReference,
  withDefaultTag,
} from '#oci'
import type { Descriptor, Digest } from '#oci'
import { compressionOf } from './compression.ts'
import { isLegacy, readLegacy } from './legacy.ts'
import { MANIFEST_FILE, readManifestFile } from './manifestfile.ts'
import type { SavedImage } from './manifestfile.ts'

/** A blob of an archive: bytes made here, or a file in it. */
type Blob = { readonly bytes: Uint8Array } | { readonly path: string }

/** True for what `docker save` writes, in any of its forms. */
export function isDockerArchive(files: ArchiveFiles): boolean {
  return files.size(MANIFEST_FILE) !== undefined || isLegacy(files)
}

/**
 * What `docker save` wrote, as something to copy from. It holds configs and layers but no
 * manifests: those are made here. Layers are named by what the config says of them, so they need
 * not be hashed beforehand (they are when they are read), except in the oldest form and where
 * somebody has compressed them.
 */
export async function dockerArchive(files: ArchiveFiles, call?: Call): Promise<ImageArchive> {
  const blobs = new Map<Digest, Blob>()
  const saved = isLegacy(files) ? await readLegacy(files, call) : readManifestFile(files)
  const images = new Map<Digest, ArchivedImage & { readonly names: string[] }>()
  for (const image of saved) {
    const root = await manifestOf(files, image, blobs, call)
    const known = images.get(root.digest) ?? { root, names: [] as string[] }
    known.names.push(...image.tags.flatMap(fullName).filter((name) => !known.names.includes(name)))
    images.set(root.digest, known)
  }
  return {
    images: async () => [...images.values()],
    resolve: async (ref) => resolve([...images.values()], ref, files.name),
    has: async (d) => sizeOf(files, blobs.get(d.digest)) === d.size,
    open: async (d, open) => {
      const blob = blobs.get(d.digest) ?? fail('not_found', `blob ${d.digest} is not in ${files.name}`)
      if ('path' in blob) return openBlob(files, blob.path, d, open)
      if (blob.bytes.length !== d.size)
        fail('data_loss', `blob ${d.digest} has ${blob.bytes.length} bytes, not ${d.size}`)
      return streamOf(blob.bytes.subarray(open?.offset ?? 0))
    },
  }
}

/** Makes the manifest that the archive lacks, as Docker itself does: OCI, layers as they are stored. */
async function manifestOf(
  files: ArchiveFiles,
  image: SavedImage,
  blobs: Map<Digest, Blob>,
  call?: Call,
): Promise<Descriptor> {
  const diffIds = parseImageConfig(image.config).rootfs.diff_ids
  if (diffIds.length !== image.layers.length)
    fail('invalid_argument', `${files.name}: an image has ${image.layers.length} layers, its config ${diffIds.length}`)
  if (image.configPath !== undefined) await checkNamed(files, image.configPath, image.config)
  const config = await describe(MediaType.ociConfig, image.config)
  blobs.set(config.descriptor.digest, config)
  const layers: Descriptor[] = []
  for (const [i, path] of image.layers.entries()) {
    const layer = await layerIn(files, path, diffIds[i]!, call)
    blobs.set(layer.digest, { path })
    layers.push(layer)
  }
  const mediaType = MediaType.ociManifest
  const manifest = await encodeDocument(mediaType, { schemaVersion: 2, mediaType, config: config.descriptor, layers })
  blobs.set(manifest.descriptor.digest, manifest)
  return manifest.descriptor
}

async function layerIn(files: ArchiveFiles, path: string, diffId: Digest, call?: Call): Promise<Descriptor> {
  const size = files.size(path) ?? fail('data_loss', `${files.name} lacks the layer ${path}`)
  const compression = await compressionOf(files, path)
  if (compression === 'none') return { mediaType: MediaType.ociLayer, digest: diffId, size }
  const mediaType = compression === 'gzip' ? MediaType.ociLayerGzip : MediaType.ociLayerZstd
  return { mediaType, digest: await digestOfFile(files, path, call), size }
}

/** A file named by its digest is believed here: the name is checked when the file is read. */
async function digestOfFile(files: ArchiveFiles, path: string, call?: Call): Promise<Digest> {
  const named = `sha256:${path.slice(path.lastIndexOf('/') + 1)}`
  if (path.startsWith('blobs/sha256/') && isDigest(named)) return named
  const measured = hashing(files.read(path, 0, call))
  for await (const _ of measured.stream);
  return measured.result().digest
}

function sizeOf(files: ArchiveFiles, blob: Blob | undefined): number | undefined {
  return blob && ('path' in blob ? files.size(blob.path) : blob.bytes.length)
}

/** Names that are no references (some tools write `<none>:<none>`) name nothing. */
function fullName(tag: string): readonly string[] {
  try {
    return [formatReference(withDefaultTag(parseReference(tag)))]
  } catch {
    return []
  }
}

function resolve(images: readonly ArchivedImage[], ref: string, where: string): Descriptor {
  const [name] = isDigest(ref) ? [] : fullName(ref)
  const found = images.find(({ root, names }) => root.digest === ref || (name !== undefined && names.includes(name)))
  if (found) return found.root
  const hint = images.flatMap(({ names }) => names.map((n) => familiarName(parseReference(n)))).join(', ')
  return fail('not_found', `${where} has no image ${ref}`, { hint: `it has: ${hint || 'images without names'}` })
}

/** Checks a config against the digest that its file is named by, where it is. */
async function checkNamed(files: ArchiveFiles, path: string, bytes: Uint8Array): Promise<void> {
  const name = /^(?:blobs\/sha256\/)?([0-9a-f]{64})(?:\.json)?$/.exec(path)?.[1]
  if (name !== undefined && (await digestOf(bytes)) !== `sha256:${name}`)
    fail('data_loss', `${path} in ${files.name} is damaged: it is not what its name says`)
}
