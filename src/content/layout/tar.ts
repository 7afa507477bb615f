import { streamOf, utf8 } from '#base'
import type { ByteStream, Call } from '#base'
import { writeTar } from '#codec'
import type { TarEntry, TarInput } from '#codec'
import { MediaType } from '#oci'
import type { Descriptor } from '#oci'
import type { ArchivedImage } from '../archive/types.ts'
import type { Graph } from '../graph.ts'
import type { ContentProvider } from '../types.ts'
import { nameAnnotations } from './names.ts'
import { blobPath, INDEX_FILE, LAYOUT_FILE } from './read.ts'

/**
 * An OCI image layout as a tar: the same images give the same bytes. The small files that say
 * what is inside come first, then manifests, then configs and layers as they are stored.
 * `more` are further files beside them, by path.
 */
export function writeLayoutTar(
  images: readonly ArchivedImage[],
  graph: Graph,
  content: ContentProvider,
  more: ReadonlyMap<string, Uint8Array> = new Map(),
  call?: Call,
): ByteStream {
  return writeTar(members(images, graph, content, more, call), call)
}

async function* members(
  images: readonly ArchivedImage[],
  graph: Graph,
  content: ContentProvider,
  more: ReadonlyMap<string, Uint8Array>,
  call?: Call,
): AsyncGenerator<TarInput, void, void> {
  const documents = [...graph.documents.values()].toSorted((a, b) => byDigest(a.descriptor, b.descriptor))
  const leaves = [...graph.leaves.values()].filter((d) => !graph.documents.has(d.digest)).toSorted(byDigest)
  yield small(LAYOUT_FILE, utf8(JSON.stringify({ imageLayoutVersion: '1.0.0' })))
  yield small(INDEX_FILE, utf8(JSON.stringify(indexOf(images))))
  for (const [path, bytes] of more) yield small(path, bytes)
  yield directory('blobs')
  const all = [...documents.map((d) => d.descriptor), ...leaves]
  for (const algorithm of ['sha256', 'sha512'])
    if (all.some((d) => d.digest.startsWith(algorithm))) yield directory(`blobs/${algorithm}`)
  for (const { descriptor, bytes } of documents) yield small(blobPath(descriptor.digest), bytes)
  for (const d of leaves) yield { entry: file(blobPath(d.digest), d.size), data: await content.open(d, call) }
}

function indexOf(images: readonly ArchivedImage[]): object {
  const manifests = images.flatMap(({ root, names }): Descriptor[] => {
    const { annotations, ...plain } = root
    if (names.length === 0) return [root]
    return names.map((name) => ({ ...plain, annotations: { ...annotations, ...nameAnnotations(name) } }))
  })
  return { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests }
}

function byDigest(a: Descriptor, b: Descriptor): number {
  return a.digest < b.digest ? -1 : a.digest > b.digest ? 1 : 0
}

function small(path: string, bytes: Uint8Array): TarInput {
  return { entry: file(path, bytes.length), data: streamOf(bytes) }
}

function file(path: string, size: number): TarEntry {
  return { type: 'file', path, mode: 0o644, uid: 0, gid: 0, mtime: 0n, size }
}

function directory(path: string): TarInput {
  return { entry: { type: 'directory', path, mode: 0o755, uid: 0, gid: 0, mtime: 0n, size: 0 } }
}
