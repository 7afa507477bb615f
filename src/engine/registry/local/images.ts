import { isCode } from '#base'
import { acquireLease, openReferrers, readGraph, type Lease } from '#content'
import { familiarRepository, formatReference, parseReference } from '#oci'
import type { Descriptor, Digest, Reference } from '#oci'
import { bringImage, giveName } from '../../image/bring.ts'
import { imageContent } from '../../image/content.ts'
import { factsFor } from '../../image/facts.ts'
import { localReferrers } from '../../image/referrers.ts'
import type { Parts } from '../../parts.ts'
import { rememberPulled } from '../pulledtable.ts'
import { sourceOf } from '../push.ts'
import type { NodeImage, NodeImages, NodeName } from './types.ts'

/** Images whose graphs are remembered, and whose compressed layers are kept meanwhile. */
const REMEMBERED = 200

interface Held {
  readonly lease: Lease
  readonly image: Promise<NodeImage>
  /** Rows of the store's referrers when it was read. */
  readonly referrers: number
}

/** A layer that was built here is compressed when its image is first asked for, and kept so while the image has a name. */
export async function nodeImages(parts: Parts): Promise<NodeImages> {
  const table = await parts.names()
  // Tells gc that somebody writes, so that what is young stays.
  const writing = acquireLease(parts.db, 'registry serve')
  const held = new Map<Digest, Held>()
  const drop = async (root: Digest): Promise<void> => {
    const gone = held.get(root)
    held.delete(root)
    await gone?.lease[Symbol.asyncDispose]()
  }
  const hold = async (root: Descriptor): Promise<NodeImage> => {
    const known = held.get(root.digest)
    const { count } = openReferrers(parts.db)
    if (known?.referrers === count) return known.image
    if (known) await drop(root.digest)
    for (const digest of held.keys())
      if (held.size >= REMEMBERED || table.withDigest(digest).length === 0) await drop(digest)
    const lease = acquireLease(parts.db, 'registry serve')
    lease.add(root.digest)
    const image = read(parts, root, lease)
    held.set(root.digest, { lease, image, referrers: count })
    image.catch(() => drop(root.digest))
    return image
  }
  return {
    names: () => table.list().flatMap(({ name, created }) => nameOf(name, created)),
    image: async (repository, tag) => {
      const named = table.get(formatReference(referenceOf(repository, tag)))
      if (!named) return undefined
      try {
        return await hold(named.root)
      } catch (error) {
        if (isCode(error, 'not_found') || isCode(error, 'unavailable')) return undefined
        throw error
      }
    },
    take: async (repository, tag, root) => layOut(parts, referenceOf(repository, tag), root),
    untag: (repository, tag) => {
      const name = formatReference(referenceOf(repository, tag))
      if (!table.get(name)) return false
      table.untag(name)
      return true
    },
    [Symbol.asyncDispose]: async () => {
      for (const digest of held.keys()) await drop(digest)
      await writing[Symbol.asyncDispose]()
    },
  }
}

async function read(parts: Parts, root: Descriptor, lease: Lease): Promise<NodeImage> {
  const source = await sourceOf(parts, root, { lease })
  const graph = await readGraph(source.content, [source.root])
  const listed = await localReferrers(parts)
  const referrers = new Map<Digest, readonly Descriptor[]>()
  const found: Descriptor[] = []
  for (const queue = [...graph.documents.keys()]; queue.length > 0;) {
    const digest = queue.shift()!
    if (referrers.has(digest)) continue
    const those = await Array.fromAsync(listed.referrers({ mediaType: source.root.mediaType, digest, size: 0 }))
    referrers.set(digest, those)
    found.push(...those)
    queue.push(...those.map((d) => d.digest))
  }
  const more = await readGraph(source.content, found)
  return {
    root: source.root,
    content: source.content,
    documents: new Map([...graph.documents, ...more.documents]),
    leaves: new Map([...graph.leaves, ...more.leaves]),
    referrers,
  }
}

/** True once the image is ready to run under its name. */
async function layOut(parts: Parts, reference: Reference, root: Descriptor): Promise<boolean> {
  await using lease = acquireLease(parts.db, `registry push ${formatReference(reference)}`)
  lease.add(root.digest)
  const content = await imageContent(parts)
  try {
    const bringing = { parts, lease, vertex: formatReference(reference), all: true, sparse: true }
    const brought = await bringImage(bringing, content, root)
    rememberPulled(parts.db, [root.digest, brought.image.descriptor.digest])
    await giveName(parts, reference, brought)
    await factsFor(parts, brought.root)
    return true
  } catch (error) {
    // An artifact, an image for other platforms alone, or one with parts missing: the registry's own records keep it.
    if (['not_found', 'invalid_argument', 'unimplemented'].some((code) => isCode(error, code as 'not_found')))
      return false
    throw error
  }
}

function nameOf(name: string | undefined, moved: number): readonly NodeName[] {
  if (name === undefined) return []
  const reference = parseReference(name)
  // No repository has a colon in its name: what is named for a port elsewhere is not shown.
  if (reference.tag === undefined || reference.domain.includes(':')) return []
  return [{ repository: familiarRepository(reference), tag: reference.tag, moved }]
}

function referenceOf(repository: string, tag: string): Reference {
  return { ...parseReference(repository), tag }
}
