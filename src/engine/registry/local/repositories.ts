import type { Descriptor, Digest } from '#oci'
import { describeManifest, type Page, type Repositories } from '#registry/server'
import type { NodeBlobs } from './blobs.ts'
import type { NodeImage, NodeImages } from './types.ts'

/**
 * A node's images as repositories, beside what only a registry keeps: artifacts, images for other machines, manifests
 * without a tag. What is pushed goes into the records first, as anywhere; once the node has taken an image, its records
 * go, and its name there is all that keeps it.
 */
export function localRepositories(base: Repositories, images: NodeImages, blobs: NodeBlobs): Repositories {
  const shown = shownImages(images)
  return {
    ...base,
    has: async (name) => (await base.has(name)) || shown.tags(name).size > 0,
    list: async (page = {}) =>
      pageOf(new Set([...images.names().map((n) => n.repository), ...(await base.list(page))]), page),
    ...localBlobs(base, shown, blobs),
    ...localManifests(base, images, shown, blobs),
    ...localTags(base, images, shown),
  }
}

/** The node's images, by the repositories that their names are in. */
interface ShownImages {
  /** When each tag of the repository was last moved: milliseconds since the epoch. */
  readonly tags: (repository: string) => ReadonlyMap<string, number>
  /** What `find` finds in the first image of the repository in which it finds something. */
  readonly search: <T>(repository: string, find: (image: NodeImage) => T | undefined) => Promise<T | undefined>
}

function shownImages(images: NodeImages): ShownImages {
  const tags = (repository: string): ReadonlyMap<string, number> =>
    new Map(
      images
        .names()
        .filter((n) => n.repository === repository)
        .map((n) => [n.tag, n.moved]),
    )
  return {
    tags,
    search: async (repository, find) => {
      for (const tag of tags(repository).keys()) {
        const image = await images.image(repository, tag)
        const found = image && find(image)
        if (found !== undefined) return found
      }
      return undefined
    },
  }
}

type LocalBlobs = Required<Pick<Repositories, 'blob' | 'adoptBlob'>>

function localBlobs(base: Repositories, { search }: ShownImages, blobs: NodeBlobs): LocalBlobs {
  const shownBlob = (name: string, digest: Digest): Promise<Descriptor | undefined> =>
    search(name, ({ leaves, content }) => {
      const found = leaves.get(digest)
      if (found) blobs.remember(found, content)
      return found
    })
  return {
    blob: async (name, digest) => {
      const own = await base.blob(name, digest)
      if (own) return own
      const shown = await shownBlob(name, digest)
      return shown && { digest, size: shown.size }
    },
    adoptBlob: async (name, digest) => {
      const shown = await shownBlob(name, digest)
      if (!shown) return false
      await blobs.adopt(shown)
      return base.linkBlob(name, shown)
    },
  }
}

type LocalManifests = Pick<Repositories, 'manifest' | 'unlinkManifest' | 'referrers'>

function localManifests(
  base: Repositories,
  images: NodeImages,
  { tags, search }: ShownImages,
  blobs: NodeBlobs,
): LocalManifests {
  return {
    manifest: async (name, digest) => {
      const own = await base.manifest(name, digest)
      if (own) return own
      return search(name, ({ documents, content }) => {
        const found = documents.get(digest)
        if (!found) return undefined
        blobs.remember(found.descriptor, content)
        return describeManifest(found.bytes, digest, found.descriptor.mediaType).record
      })
    },
    unlinkManifest: async (name, digest) => {
      let shown = false
      for (const tag of tags(name).keys())
        if ((await images.image(name, tag))?.root.digest === digest) shown = images.untag(name, tag) || shown
      return (await base.unlinkManifest(name, digest)) || shown
    },
    referrers: async (name, subject, page = {}) => {
      const shown = (await search(name, ({ referrers }) => referrers.get(subject))) ?? []
      const all = new Map([...(await base.referrers(name, subject, page)), ...shown].map((d) => [d.digest, d]))
      return pageOf(new Set(all.keys()), page).map((digest) => all.get(digest as Digest)!)
    },
  }
}

type LocalTags = Pick<Repositories, 'tag' | 'tags' | 'tagNames' | 'moveTag' | 'untag'>

function localTags(base: Repositories, images: NodeImages, shown: ShownImages): LocalTags {
  const tag: Repositories['tag'] = async (name, wanted) => {
    const moved = shown.tags(name).get(wanted)
    const image = moved === undefined ? undefined : await images.image(name, wanted)
    if (!image) return base.tag(name, wanted)
    return { tag: wanted, digest: image.root.digest, moved: moved! }
  }
  const tagNames: Repositories['tagNames'] = async (name, page = {}) =>
    pageOf(new Set([...shown.tags(name).keys(), ...(await base.tagNames(name, page))]), page)
  return {
    tag,
    tagNames,
    tags: async (name, page) =>
      (await Promise.all((await tagNames(name, page)).map((t) => tag(name, t)))).filter((t) => t !== undefined),
    moveTag: async (name, wanted, digest, expected) => {
      if (expected !== undefined && ((await tag(name, wanted))?.digest ?? null) !== expected) return false
      const record = await base.manifest(name, digest)
      const root = record && { mediaType: record.mediaType, digest, size: record.size }
      if (root && (await images.take(name, wanted, root))) {
        await base.untag(name, wanted)
        await release(base, name, digest)
        return true
      }
      images.untag(name, wanted)
      return base.moveTag(name, wanted, digest)
    },
    untag: async (name, wanted) => {
      const isShown = images.untag(name, wanted)
      return (await base.untag(name, wanted)) || isShown
    },
  }
}

/** Forgets the records of an image that the node keeps; a referrer stays one. */
async function release(base: Repositories, name: string, digest: Digest): Promise<void> {
  const record = await base.manifest(name, digest)
  if (!record || record.subject) return
  await base.unlinkManifest(name, digest)
  for (const blob of record.blobs) await base.unlinkBlob(name, blob)
  for (const child of record.children) await release(base, name, child)
}

/** A page of names in the order of their bytes, which are ASCII. */
function pageOf(names: ReadonlySet<string>, { after, limit }: Page): readonly string[] {
  const sorted = [...names].filter((name) => after === undefined || name > after).toSorted((a, b) => (a < b ? -1 : 1))
  return limit === undefined ? sorted : sorted.slice(0, limit)
}
