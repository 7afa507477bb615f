import { isCode } from '#base'
import { DOCUMENT_LIMIT, isImageConfig, isIndex, isManifest, parseImageConfig, sniffMediaType, successors } from '#oci'
import type { Descriptor, Digest } from '#oci'
import type { LocalStore } from './localstore.ts'

/** Something that must stay, and whose wish that is: `image docker.io/library/debian:12`, `container web`. */
export interface Root {
  readonly digest: Digest
  /** Absent when it is not known: then the bytes are looked at. */
  readonly mediaType?: string
  readonly why: string
}

/** What a mark has reached. */
export interface Reachable {
  readonly size: number
  has(digest: Digest): boolean
  digests(): Iterable<Digest>
  /**
   * Why something is kept: the root's reason, then the digests from the root down to it.
   * Undefined for what nothing keeps. The shortest way from the first root that has one.
   */
  why(digest: Digest): { readonly root: Root; readonly path: readonly Digest[] } | undefined
}

/** A thing that a document refers to. Diff IDs count: they are the names of layers laid out on disk. */
interface Edge {
  readonly digest: Digest
  readonly mediaType?: string
}

/** Returns a function that marks from roots; documents read once are remembered from call to call, `referrers` are not. */
export function createMarker(
  store: LocalStore,
  referrers: (subject: Digest) => readonly Edge[] = () => [],
): (roots: Iterable<Root>) => Reachable {
  const edges = new Map<Digest, readonly Edge[]>()
  const edgesOf = (node: Edge): readonly Edge[] => {
    const known = edges.get(node.digest)
    if (known) return known
    const found = readEdges(store, node)
    // What is absent now may come: it is asked for again.
    if (found) edges.set(node.digest, found)
    return found ?? []
  }
  return (roots) => {
    const from = new Map<Digest, Digest | Root>()
    const queue: Edge[] = []
    const reach = (node: Edge, by: Digest | Root): void => {
      if (from.has(node.digest)) return
      from.set(node.digest, by)
      queue.push(node)
    }
    for (const root of roots) reach(root, root)
    // Breadth first, no recursion: an index of a hundred levels is no deeper than one.
    for (let next = 0; next < queue.length; next++) {
      const node = queue[next]!
      for (const edge of [...edgesOf(node), ...referrers(node.digest)]) reach(edge, node.digest)
    }
    return reachedBy(from)
  }
}

function reachedBy(from: ReadonlyMap<Digest, Digest | Root>): Reachable {
  return {
    size: from.size,
    has: (digest) => from.has(digest),
    digests: () => from.keys(),
    why: (digest) => {
      const path: Digest[] = []
      let at: Digest | Root | undefined = digest
      while (typeof at === 'string') {
        path.unshift(at)
        at = from.get(at)
      }
      return at && { root: at, path }
    },
  }
}

/** Undefined when the document is not here. One that is damaged refers to nothing. */
function readEdges(store: LocalStore, { digest, mediaType }: Edge): readonly Edge[] | undefined {
  if (mediaType !== undefined && !isIndex(mediaType) && !isManifest(mediaType) && !isImageConfig(mediaType)) return []
  const stored = store.stat(digest)
  if (!stored) return undefined
  if (stored.size > DOCUMENT_LIMIT) return []
  try {
    const bytes = store.document({ digest, size: stored.size })
    return bytes && edgesIn(bytes, mediaType)
  } catch (error) {
    if (isCode(error, 'invalid_argument') || isCode(error, 'resource_exhausted') || isCode(error, 'data_loss'))
      return []
    throw error
  }
}

function edgesIn(bytes: Uint8Array, mediaType: string | undefined): readonly Edge[] {
  // Only an object can be a document: a layer of unknown type is not parsed.
  if (bytes[0] !== 0x7b) return []
  if (mediaType !== undefined && isImageConfig(mediaType)) return diffIds(bytes)
  const type = mediaType ?? documentType(bytes)
  return type === undefined ? diffIds(bytes) : successors(type, bytes).map((d: Descriptor) => d)
}

function documentType(bytes: Uint8Array): string | undefined {
  try {
    return sniffMediaType(bytes)
  } catch {
    return undefined
  }
}

function diffIds(bytes: Uint8Array): readonly Edge[] {
  return parseImageConfig(bytes).rootfs.diff_ids.map((digest) => ({
    digest,
    mediaType: 'application/vnd.oci.image.layer.v1.tar',
  }))
}
