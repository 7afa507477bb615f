import { acquireLease, openReferrers, unionProvider, type ImageNames, type Lease } from '#content'
import { familiarRepository, formatReference, MediaType, parseReference } from '#oci'
import type { Descriptor, Digest, Reference } from '#oci'
import { describeManifest, type Repositories, type RegistryStorage, type Tagged } from '#registry/server'
import { bringImage, giveName } from '../../image/bring.ts'
import { imageContent } from '../../image/content.ts'
import { factsFor } from '../../image/facts.ts'
import { localReferrers, tiedTo } from '../../image/referrers.ts'
import type { Parts } from '../../parts.ts'

/**
 * A node's images as repositories: `app` there is `docker.io/library/app` here. Whoever may ask may see the whole store,
 * so every blob is in every repository, and what is here already is never sent. A tag that is put is an image
 * laid out, ready to run, before the answer goes out. Nothing is deleted this way.
 */
export async function nodeRepositories(parts: Parts, storage: RegistryStorage, lease: Lease): Promise<Repositories> {
  const names = await parts.names()
  const [table, listed] = [openReferrers(parts.db), await localReferrers(parts)]
  const { blobs } = storage
  const tags = (name: string): readonly Tagged[] => taggedIn(names, name)
  return {
    has: async (name) => tags(name).length > 0,
    list: async ({ after = '', limit } = {}) =>
      repositoriesIn(names)
        .filter((n) => n > after)
        .slice(0, limit),
    blob: (_, digest) => blobs.stat(digest),
    linkBlob: (_, { digest }) => blobs.touch(digest),
    unlinkBlob: async () => false,
    keepBlob: (_, digest) => blobs.touch(digest),
    manifest: async (_, digest) => {
      const bytes = await blobs.document(digest)
      return bytes && describeManifest(bytes, digest, null).record
    },
    linkManifest: async (_, digest, { subject }, referrer) => {
      lease.add(digest)
      if (subject && referrer) table.add(subject, referrer)
    },
    unlinkManifest: async () => false,
    manifests: async () => [],
    tag: async (name, tag) => {
      const tied = table.tagged(tag)
      if (tied) return { tag, digest: tied.digest, moved: 0 }
      return tags(name).find((tagged) => tagged.tag === tag)
    },
    tags: async (name, page = {}) => paged(tags(name), page),
    tagNames: async (name, page = {}) => paged(tags(name), page).map(({ tag }) => tag),
    moveTag: async (name, tag, digest) => {
      const bytes = await blobs.document(digest)
      if (!bytes) return false
      const { mediaType } = describeManifest(bytes, digest, null).record
      const subject = tiedTo(tag)
      if (subject) {
        table.add(subject, { mediaType, digest, size: bytes.length }, tag)
        return true
      }
      await layOut(parts, { ...parseReference(name), tag }, { mediaType, digest, size: bytes.length })
      return true
    },
    untag: async () => false,
    untagUnmoved: async () => false,
    expireManifest: async () => false,
    referrers: async (_, subject, { after = '', limit } = {}) => {
      const found = await Array.fromAsync(
        listed.referrers({ mediaType: MediaType.ociManifest, digest: subject, size: 0 }),
      )
      return found
        .filter(({ digest }) => digest > after)
        .toSorted((a, b) => (a.digest < b.digest ? -1 : 1))
        .slice(0, limit)
    },
  }
}

/** Gives a pushed image its name, once its layers are laid out; their plain blobs are then there twice, and go. */
async function layOut(parts: Parts, reference: Reference, root: Descriptor): Promise<void> {
  await using lease = acquireLease(parts.db, `push ${formatReference(reference)}`)
  lease.add(root.digest)
  const [store, layers] = await Promise.all([parts.store(), parts.layers()])
  // Whoever lacks a compressed blob sends the tar.
  const tarOf = async (digest: Digest): Promise<Descriptor | undefined> => {
    const blob = store.stat(digest)
    return blob && { mediaType: MediaType.ociLayer, digest, size: blob.size }
  }
  const bringing = { parts, lease, vertex: formatReference(reference), all: true, sparse: true, tarOf }
  const brought = await bringImage(bringing, unionProvider(await imageContent(parts)), root)
  await giveName(parts, reference, brought)
  await factsFor(parts, brought.root)
  for (const { diffId } of brought.image.layers) if (layers.stat(diffId)) parts.db.immediate(() => store.remove(diffId))
}

function taggedIn(names: ImageNames, repository: string): readonly Tagged[] {
  const { domain, path } = parseReference(repository)
  const found: Tagged[] = []
  for (const { name, root, created } of names.list()) {
    const reference = name === undefined ? undefined : parseReference(name)
    if (reference?.tag !== undefined && reference.domain === domain && reference.path === path)
      found.push({ tag: reference.tag, digest: root.digest, moved: created })
  }
  return found.toSorted((a, b) => (a.tag < b.tag ? -1 : 1))
}

function repositoriesIn(names: ImageNames): readonly string[] {
  const all = names.list().flatMap(({ name }) => (name === undefined ? [] : familiarRepository(parseReference(name))))
  return [...new Set(all)].toSorted()
}

function paged(
  all: readonly Tagged[],
  { after, limit }: { readonly after?: string; readonly limit?: number },
): readonly Tagged[] {
  return all.filter(({ tag }) => after === undefined || tag > after).slice(0, limit)
}
