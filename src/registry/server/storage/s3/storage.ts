import { collect, fail } from '#base'
import { createHasher } from '#codec'
import { algorithmOf, DOCUMENT_LIMIT, hexOf, isDigest } from '#oci'
import type { Digest } from '#oci'
import type { BlobStorage, RecordStorage, RegistryStorage } from '../../types.ts'
import { objectsUnder, s3Client } from './client.ts'
import type { S3Client } from './client.ts'
import { s3Records } from './records.ts'
import type { S3ClientOptions } from './send.ts'
import { openS3Upload } from './upload.ts'
import type { PublishBlob } from './upload.ts'

export interface S3StorageOptions extends S3ClientOptions {
  /** Before every key; empty, or ending in a slash. */
  readonly prefix?: string
  /** Sends clients to the store for blobs, by URLs that hold for so many seconds. Default: bytes come through the server. */
  readonly redirectSeconds?: number
  /** The clock; tests turn it. */
  readonly now?: () => number
}

/**
 * Storage in an S3-compatible object store, for any number of servers at once. It needs conditional
 * writes (If-Match and If-None-Match on PUT, If-Match on DELETE); a store that ignores the latter only
 * lets gc race with the first push of the same blob after its grace period.
 */
export function openS3Storage(options: S3StorageOptions): RegistryStorage {
  const client = s3Client(options)
  const now = options.now ?? Date.now
  const prefix = options.prefix ?? ''
  const records = s3Records(client, prefix, now)
  return {
    blobs: s3Blobs(client, records, { ...options, prefix }),
    records,
    now: () => now(),
    check: async () => {
      await records.put('check/storage', '')
    },
    [Symbol.asyncDispose]: async () => undefined,
  }
}

/**
 * Whether a blob may be used is told by its record `live/<digest>`, not by the object: it is set
 * before the object appears, touched when something relies on the blob, and swapped for a
 * tombstone, on the condition that nobody touched it, before the object is removed.
 */
const LIVE = 'live'
const DYING = 'dying'
/** A tombstone whose maker died is taken over after so long: milliseconds. */
const DYING_MS = 120_000
const PAUSE_MS = 100

type Layout = Pick<S3StorageOptions, 'redirectSeconds'> & { readonly prefix: string }

function s3Blobs(client: S3Client, records: RecordStorage, { prefix, redirectSeconds }: Layout): BlobStorage {
  const objectOf = (digest: Digest): string =>
    `${prefix}blobs/${algorithmOf(digest)}/${hexOf(digest).slice(0, 2)}/${hexOf(digest)}`
  const liveOf = (digest: Digest): string => `live/${digest}`
  const publish: PublishBlob = async (digest, place) => {
    await enliven(records, liveOf(digest))
    await place(objectOf(digest))
  }
  const stat: BlobStorage['stat'] = async (digest) => {
    const found = await client.head(objectOf(digest))
    return found && { digest, size: found.size }
  }
  return {
    stat,
    read: async ({ digest, size }, range) => {
      const key = objectOf(digest)
      if (redirectSeconds !== undefined) return { kind: 'redirect', url: client.presign(key, redirectSeconds) }
      const part = range.start === 0 && range.end === size ? undefined : range
      const object = (await client.get(key, part)) ?? fail('not_found', `blob ${digest} is not in the store`)
      return { kind: 'stream', stream: object.body }
    },
    document: async (digest) => {
      const object = await client.get(objectOf(digest))
      if (!object) return undefined
      const bytes = await collect(object.body, DOCUMENT_LIMIT)
      return checked(digest, bytes)
    },
    put: async ({ digest }, bytes) => {
      checked(digest, bytes)
      await publish(digest, async (key) => void (await client.put(key, bytes)))
    },
    upload: (id) => openS3Upload(client, `${prefix}uploads/${encodeURIComponent(id)}/`, publish),
    touch: async (digest) => {
      const live = await records.put(liveOf(digest), LIVE, { value: LIVE })
      return live && (await stat(digest)) !== undefined
    },
    removeUnused: async (digest, before) => {
      const there = (await stat(digest)) !== undefined
      if (!(await records.put(liveOf(digest), DYING, { value: LIVE, before }))) return false
      await client.delete(objectOf(digest))
      await records.delete(liveOf(digest), { value: DYING })
      return there
    },
    list: async function* () {
      for await (const { key, size } of objectsUnder(client, `${prefix}blobs/`)) {
        const [algorithm, , hex] = key.slice(`${prefix}blobs/`.length).split('/')
        const digest = `${algorithm}:${hex}`
        if (isDigest(digest)) yield { digest, size }
      }
    },
  }
}

/** Makes the record live; waits while gc removes the blob's object. */
async function enliven(records: RecordStorage, key: string): Promise<void> {
  const until = performance.now() + DYING_MS
  for (;;) {
    if (await records.put(key, LIVE, { value: null })) return
    if (await records.put(key, LIVE, { value: LIVE })) return
    if (performance.now() > until && (await records.put(key, LIVE, { value: DYING }))) return
    await Bun.sleep(PAUSE_MS)
  }
}

function checked(digest: Digest, bytes: Uint8Array): Uint8Array {
  const hasher = createHasher(algorithmOf(digest))
  hasher.update(bytes)
  return hasher.digest() === digest ? bytes : fail('data_loss', `${digest} does not name these bytes`)
}
