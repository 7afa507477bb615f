import { utimesSync } from 'node:fs'
import { fail, streamOf } from '#base'
import { openDatabase, openLocalStore } from '#content'
import type { Database, LocalStore } from '#content'
import { DOCUMENT_LIMIT } from '#oci'
import type { Descriptor, Digest } from '#oci'
import type { BlobBody, BlobInfo, BlobStorage, BlobUpload, RegistryStorage } from '../types.ts'
import { openRecords } from './records.ts'

export interface DirectoryStorageOptions {
  /** Directory of the store: `content/` and the database lie in it. May be an engine's own root. */
  readonly root: string
  /** The database's file. Default `<root>/cairn.db`, which is the engine's. */
  readonly database?: string
  /**
   * The store is an engine's too. Then blobs are removed by the engine's gc alone, which must be given
   * {@link registryRoots}. Default: true when the database has an engine's images.
   */
  readonly shared?: boolean
  /** The clock; tests turn it. */
  readonly now?: () => number
}

/**
 * Storage in a directory: blobs are those of the engine's content store, records a table in its
 * database, so both may work on one root. Any number of processes on one machine may share it.
 */
export function openDirectoryStorage(options: DirectoryStorageOptions): RegistryStorage {
  const db = openDatabase(options.database ?? `${options.root}/cairn.db`)
  const store = openLocalStore({ root: options.root, db })
  const now = options.now ?? Date.now
  const records = openRecords(db, now)
  return {
    blobs: new DirectoryBlobs(store, db, now, options.shared ?? hasImages(db)),
    records,
    now: () => now(),
    check: async () => {
      await records.put('check', String(now()))
    },
    [Symbol.asyncDispose]: async () => db.close(),
  }
}

class DirectoryBlobs implements BlobStorage {
  readonly #store: LocalStore
  readonly #db: Database
  readonly #now: () => number
  readonly #shared: boolean

  constructor(store: LocalStore, db: Database, now: () => number, shared: boolean) {
    this.#store = store
    this.#db = db
    this.#now = now
    this.#shared = shared
  }

  async stat(digest: Digest): Promise<BlobInfo | undefined> {
    return this.#stat(digest)
  }

  async read(blob: BlobInfo): Promise<BlobBody> {
    return { kind: 'file', path: this.#store.path(blob.digest) }
  }

  async document(digest: Digest): Promise<Uint8Array | undefined> {
    const blob = this.#stat(digest)
    if (!blob) return undefined
    if (blob.size > DOCUMENT_LIMIT) fail('resource_exhausted', `${digest} is too large for a document`)
    return this.#store.document(blob)
  }

  async put(d: Descriptor, bytes: Uint8Array): Promise<void> {
    await this.#store.put(d, streamOf(bytes))
    this.#touch(d.digest)
  }

  async upload(id: string): Promise<BlobUpload> {
    const ingest = await this.#store.ingest(`registry ${id}`)
    const commit = async (digest: Digest): Promise<BlobInfo> => {
      await ingest.commit('application/octet-stream', { digest, size: ingest.offset })
      this.#touch(digest)
      return this.#stat(digest) ?? fail('internal', `blob ${digest} vanished while it was committed`)
    }
    return {
      get offset() {
        return ingest.offset
      },
      write: (chunk) => ingest.write(chunk),
      pause: () => ingest.pause(),
      resume: async () => ingest.resume(),
      commit,
      abort: () => ingest.abort(),
      close: async () => ingest[Symbol.asyncDispose](),
    }
  }

  async touch(digest: Digest): Promise<boolean> {
    return this.#touch(digest)
  }

  async removeUnused(digest: Digest, before: number): Promise<boolean> {
    if (this.#shared) return false
    return this.#db.immediate(() => {
      const blob = this.#store.stat(digest)
      if (!blob || blob.added >= before) return false
      this.#store.remove(digest)
      return true
    })
  }

  async *list(): AsyncGenerator<BlobInfo, void, void> {
    if (this.#shared) return
    // What servers that were killed were writing.
    this.#store.removeStale()
    for (const { digest, size } of this.#store.entries()) yield { digest, size }
  }

  #stat(digest: Digest): BlobInfo | undefined {
    const blob = this.#store.stat(digest)
    return blob && { digest, size: blob.size }
  }

  #touch(digest: Digest): boolean {
    return this.#db.immediate(() => {
      try {
        const time = new Date(this.#now())
        utimesSync(this.#store.path(digest), time, time)
        return true
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
        throw error
      }
    })
  }
}

function hasImages(db: Database): boolean {
  return db.get(`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'image'`) !== undefined
}

/** For an engine's gc over a shared root: every digest that a repository of the registry there holds. */
export function registryRoots(db: Database): readonly { readonly digest: Digest; readonly why: string }[] {
  openRecords(db, Date.now)
  const rows = db.all<{ key: string }>(
    `SELECT key FROM registry_record WHERE key >= 'blob/' AND key < 'blob0' OR key >= 'manifest/' AND key < 'manifest0'`,
  )
  return rows.map(({ key }) => {
    const at = key.indexOf('@')
    const name = key.slice(key.indexOf('/') + 1, at)
    return { digest: key.slice(at + 1) as Digest, why: `registry repository ${name}` }
  })
}
