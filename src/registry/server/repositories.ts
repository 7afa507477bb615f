import { fail } from '#base'
import { isDigest } from '#oci'
import type { Descriptor, Digest } from '#oci'
import type { BlobInfo, BlobStorage, RecordStorage, RegistryStorage, StoredRecord } from './types.ts'

/** What is remembered of a manifest beside its bytes, which are a blob. */
export interface ManifestRecord {
  readonly mediaType: string
  /** Bytes. */
  readonly size: number
  readonly artifactType?: string
  readonly subject?: Digest
  /** Config and layers: what gc keeps for it. */
  readonly blobs: readonly Digest[]
  /** Manifests of an index; they have records of their own, or are missing on purpose. */
  readonly children: readonly Digest[]
}

export interface Tagged {
  readonly tag: string
  readonly digest: Digest
  /** When it was last moved: milliseconds since the epoch. */
  readonly moved: number
}

/** A page of a listing, in the order of the names' bytes. */
export interface Page {
  readonly after?: string
  readonly limit?: number
}

/**
 * Repositories as records: which blobs, manifests, tags and referrers each one has. A blob that
 * another repository has is not visible here. The keys are drawn in docs/formats/registry-storage.md.
 */
export interface Repositories {
  has(name: string): Promise<boolean>
  list(page?: Page): Promise<readonly string[]>
  blob(name: string, digest: Digest): Promise<BlobInfo | undefined>
  /** Makes a stored blob visible, and young; false when it is not stored (any more). */
  linkBlob(name: string, blob: Pick<BlobInfo, 'digest' | 'size'>): Promise<boolean>
  unlinkBlob(name: string, digest: Digest): Promise<boolean>
  /** Makes the link young, so that gc leaves it to a push under way; false when there is none. */
  keepBlob(name: string, digest: Digest): Promise<boolean>
  /** Links a blob that the repository shows without a link, for a manifest that will need it; false when it shows none. */
  adoptBlob?(name: string, digest: Digest): Promise<boolean>
  manifest(name: string, digest: Digest): Promise<ManifestRecord | undefined>
  linkManifest(name: string, digest: Digest, manifest: ManifestRecord, referrer?: Descriptor): Promise<void>
  /** Takes the manifest away, and with it the tags that name it and its place among its subject's referrers. */
  unlinkManifest(name: string, digest: Digest): Promise<boolean>
  manifests(
    name: string,
  ): Promise<readonly { readonly digest: Digest; readonly manifest: ManifestRecord; readonly touched: number }[]>
  tag(name: string, tag: string): Promise<Tagged | undefined>
  tags(name: string, page?: Page): Promise<readonly Tagged[]>
  /** The names alone, which is cheaper. */
  tagNames(name: string, page?: Page): Promise<readonly string[]>
  /** Moves a tag; with `expected` only from there (null: from nowhere). */
  moveTag(name: string, tag: string, digest: Digest, expected?: Digest | null): Promise<boolean>
  untag(name: string, tag: string): Promise<boolean>
  /** Takes the tag away unless it was moved at or after `before`. */
  untagUnmoved(name: string, tag: string, before: number): Promise<boolean>
  /** Like {@link unlinkManifest}, but only if it was not pushed again since `before` and has no tag. */
  expireManifest(name: string, digest: Digest, before: number): Promise<boolean>
  referrers(name: string, subject: Digest, page?: Page): Promise<readonly Descriptor[]>
}

const blobKey = (name: string, digest: Digest | ''): string => `blob/${name}@${digest}`
const manifestKey = (name: string, digest: Digest | ''): string => `manifest/${name}@${digest}`
const tagKey = (name: string, tag: string): string => `tag/${name}:${tag}`
const referrerKey = (name: string, subject: Digest, digest: Digest | ''): string =>
  `referrer/${name}@${subject}/${digest}`
const repositoryKey = (name: string): string => `repository/${name}`

export function openRepositories({ records, blobs }: RegistryStorage): Repositories {
  const tags = tagRecords(records)
  const remember = remembering(records)
  return {
    has: async (name) => (await records.get(repositoryKey(name))) !== undefined,
    list: (page) => keysBehind(records, repositoryKey(''), page),
    ...blobRecords(records, blobs, remember),
    ...manifestRecords(records, tags, remember),
    ...tags,
  }
}

/** Makes a repository one of those that are listed. */
type Remember = (name: string) => Promise<void>

function remembering(records: RecordStorage): Remember {
  const known = new Set<string>()
  return async (name) => {
    if (known.has(name)) return
    await records.put(repositoryKey(name), '', { value: null })
    known.add(name)
  }
}

type BlobRecords = Pick<Repositories, 'blob' | 'linkBlob' | 'unlinkBlob' | 'keepBlob'>

function blobRecords(records: RecordStorage, blobs: BlobStorage, remember: Remember): BlobRecords {
  return {
    blob: async (name, digest) =>
      (await records.get(blobKey(name, digest))) === undefined ? undefined : blobs.stat(digest),
    linkBlob: async (name, { digest, size }) => {
      if (!(await blobs.touch(digest))) return false
      await remember(name)
      return records.put(blobKey(name, digest), String(size))
    },
    unlinkBlob: (name, digest) => records.delete(blobKey(name, digest)),
    keepBlob: (name, digest) => records.touch(blobKey(name, digest)),
  }
}

type ManifestRecords = Pick<
  Repositories,
  'manifest' | 'linkManifest' | 'unlinkManifest' | 'expireManifest' | 'manifests' | 'referrers'
>

function manifestRecords(records: RecordStorage, { tags }: TagRecords, remember: Remember): ManifestRecords {
  const manifest = async (name: string, digest: Digest): Promise<ManifestRecord | undefined> => {
    const record = await records.get(manifestKey(name, digest))
    return record && (JSON.parse(record.value) as ManifestRecord)
  }
  const untagAll = async (name: string, digest: Digest): Promise<void> => {
    for (const { tag, digest: at } of await tags(name))
      if (at === digest) await records.delete(tagKey(name, tag), { value: digest })
  }
  return {
    manifest,
    linkManifest: async (name, digest, value, referrer) => {
      await remember(name)
      await records.put(manifestKey(name, digest), JSON.stringify(value))
      if (referrer && value.subject)
        await records.put(referrerKey(name, value.subject, digest), JSON.stringify(referrer))
    },
    expireManifest: async (name, digest, before) => {
      const found = await manifest(name, digest)
      if (!found || !(await records.delete(manifestKey(name, digest), { before }))) return false
      if (found.subject) await records.delete(referrerKey(name, found.subject, digest))
      return true
    },
    unlinkManifest: async (name, digest) => {
      const found = await manifest(name, digest)
      if (!found) return false
      await untagAll(name, digest)
      if (found.subject) await records.delete(referrerKey(name, found.subject, digest))
      const isGone = await records.delete(manifestKey(name, digest))
      // A push meanwhile may have tagged what is gone; one that noticed has linked it again, and keeps its tag.
      if ((await manifest(name, digest)) === undefined) await untagAll(name, digest)
      return isGone
    },
    manifests: async (name) => {
      const prefix = manifestKey(name, '')
      return (await records.list(prefix)).map(({ key, value, touched }) => ({
        digest: asDigest(key.slice(prefix.length)),
        manifest: JSON.parse(value) as ManifestRecord,
        touched,
      }))
    },
    referrers: async (name, subject, page) => {
      const prefix = referrerKey(name, subject, '')
      return (await records.list(prefix, behind(prefix, page))).map(({ value }) => JSON.parse(value) as Descriptor)
    },
  }
}

type TagRecords = Pick<Repositories, 'tag' | 'tags' | 'tagNames' | 'moveTag' | 'untag' | 'untagUnmoved'>

function tagRecords(records: RecordStorage): TagRecords {
  return {
    tag: async (name, tag) => {
      const record = await records.get(tagKey(name, tag))
      return record && asTagged(record, tagKey(name, ''))
    },
    tags: async (name, page) => {
      const prefix = tagKey(name, '')
      return (await records.list(prefix, behind(prefix, page))).map((record) => asTagged(record, prefix))
    },
    tagNames: (name, page) => keysBehind(records, tagKey(name, ''), page),
    moveTag: (name, tag, digest, expected) =>
      records.put(tagKey(name, tag), digest, expected === undefined ? undefined : { value: expected }),
    untag: (name, tag) => records.delete(tagKey(name, tag)),
    untagUnmoved: (name, tag, before) => records.delete(tagKey(name, tag), { before }),
  }
}

/** What follows `prefix` in the keys that begin with it. */
async function keysBehind(records: RecordStorage, prefix: string, page?: Page): Promise<readonly string[]> {
  const found = await records.list(prefix, { ...behind(prefix, page), keys: true })
  return found.map(({ key }) => key.slice(prefix.length))
}

/** A page of names as one of their records. */
function behind(prefix: string, { after, limit }: Page = {}): Page {
  return {
    ...(after === undefined ? {} : { after: `${prefix}${after}` }),
    ...(limit === undefined ? {} : { limit }),
  }
}

function asTagged({ key, value, touched }: StoredRecord, prefix: string): Tagged {
  return { tag: key.slice(prefix.length), digest: asDigest(value), moved: touched }
}

function asDigest(value: string): Digest {
  return isDigest(value) ? value : fail('data_loss', `the registry's record names ${value.slice(0, 100)} as a digest`)
}
