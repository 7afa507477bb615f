import { checkCanceled, fail } from '#base'
import type { ByteStream, Call } from '#base'
import { verified } from '#codec'
import {
  algorithmOf,
  Annotation,
  hexOf,
  isAttestation,
  isIndex,
  isManifest,
  parseDigest,
  parseIndex,
  parseObject,
} from '#oci'
import type { Descriptor, Digest, ImageIndex } from '#oci'
import type { ArchiveFiles } from '../archive/files.ts'
import type { ArchivedImage, ImageArchive } from '../archive/types.ts'
import type { ContentProvider, OpenOptions } from '../types.ts'
import { entryMatches, entryName } from './names.ts'
import { referrersIn } from './referrers.ts'

/** image-spec image-layout.md. */
export const LAYOUT_FILE = 'oci-layout'
export const INDEX_FILE = 'index.json'

/** Where a layout keeps a blob. */
export function blobPath(digest: Digest): string {
  return `blobs/${algorithmOf(digest)}/${hexOf(parseDigest(digest))}`
}

/** True when an archive says that it is an OCI layout. */
export function isLayout(files: ArchiveFiles): boolean {
  return files.size(LAYOUT_FILE) !== undefined && files.size(INDEX_FILE) !== undefined
}

/** An OCI image layout as something to copy from; blobs are verified as they are read. */
export function layoutArchive(files: ArchiveFiles): ImageArchive {
  checkVersion(files)
  const blobs = blobsOf(files)
  return {
    ...blobs,
    ...namesIn(() => readIndex(files), files.name),
    referrers: (subject, call) => referrersIn(readIndex(files), blobs, subject.digest, call),
  }
}

/** The index of a layout; a name for a manifest is an annotation in it. */
export function readIndex(files: ArchiveFiles): ImageIndex {
  const bytes = files.document(INDEX_FILE) ?? fail('not_found', `${files.name} has no ${INDEX_FILE}`)
  return parseIndex(bytes)
}

export function checkVersion(files: ArchiveFiles): void {
  const bytes =
    files.document(LAYOUT_FILE) ??
    fail('invalid_argument', `${files.name} is no OCI layout: it has no file ${LAYOUT_FILE}`)
  const version = parseObject(bytes, LAYOUT_FILE).imageLayoutVersion
  if (typeof version !== 'string' || !version.startsWith('1.'))
    fail('unimplemented', `${files.name} is an OCI layout of version ${JSON.stringify(version)}; 1.x is known`)
}

export function blobsOf(files: ArchiveFiles): ContentProvider {
  return {
    has: async (d) => files.size(blobPath(d.digest)) === d.size,
    open: async (d, call) => openBlob(files, blobPath(d.digest), d, call),
  }
}

/** A file of an archive as the blob that it is said to be. */
export function openBlob(files: ArchiveFiles, path: string, d: Descriptor, call?: Call & OpenOptions): ByteStream {
  checkCanceled(call)
  const size = files.size(path) ?? fail('not_found', `blob ${d.digest} is not in ${files.name}`)
  if (size !== d.size) fail('data_loss', `blob ${d.digest} in ${files.name} has ${size} bytes instead of ${d.size}`)
  const bytes = files.read(path, call?.offset ?? 0, call)
  return call?.offset || call?.verify === false ? bytes : verified(bytes, d)
}

/** Names and images of an index, asked for anew each time. */
export function namesIn(index: () => ImageIndex, where: string): Pick<ImageArchive, 'resolve' | 'images' | 'refs'> {
  return {
    resolve: async (ref) => {
      const found = index().manifests.filter((entry) => entryMatches(entry, ref))
      const digests = new Set(found.map((entry) => entry.digest))
      if (digests.size > 1)
        fail('failed_precondition', `${ref} names ${digests.size} images in ${where}`, { hint: 'use the full name' })
      return found[0] ?? fail('not_found', `${where} has no image ${ref}`)
    },
    images: async () => imagesIn(index()),
    refs: async () =>
      index().manifests.flatMap((entry) => entryName(entry) ?? entry.annotations?.[Annotation.refName] ?? []),
  }
}

function imagesIn(index: ImageIndex): readonly ArchivedImage[] {
  const images = new Map<Digest, ArchivedImage & { readonly names: string[] }>()
  for (const entry of index.manifests) {
    if (isAttestation(entry) || entry.artifactType !== undefined) continue
    if (!isManifest(entry.mediaType) && !isIndex(entry.mediaType)) continue
    const { annotations: _, ...root } = entry
    const image = images.get(entry.digest) ?? { root, names: [] as string[] }
    const name = entryName(entry)
    if (name !== undefined && !image.names.includes(name)) image.names.push(name)
    images.set(entry.digest, image)
  }
  return [...images.values()]
}
