import { mkdirSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { checkCanceled, fail } from '#base'
import type { ByteStream, Call } from '#base'
import { algorithmOf, DOCUMENT_LIMIT, hexOf, isDigest, parseDigest } from '#oci'
import type { Descriptor, Digest } from '#oci'
import { corrupt, fileSize, readBlob, readRange, readVerified } from './blobread.ts'
import { publish, writeBlob } from './blobwrite.ts'
import type { Database } from './database.ts'
import { diskError, isErrnoCode } from './diskerror.ts'
import { FileIngest } from './fileingest.ts'
import { openFileSink } from './filesink.ts'
import { claimIngest, oneShotName, openIngestTable, releaseIngest, removeStaleIngests } from './ingesttable.ts'
import { letGo } from './letgo.ts'
import type { ContentStore, IngestOptions, Lease, OpenOptions, PausableIngest } from './types.ts'

/** A blob as it lies on disk. */
export interface StoredBlob {
  readonly digest: Digest
  readonly size: number
  /** When it was written or last asked to be kept: milliseconds since the epoch. */
  readonly added: number
}

/**
 * Blobs as files, shared by any number of processes:
 *
 *     <root>/content/sha256/ab/abcd…   a blob, read-only, under all of its hex digits
 *     <root>/content/sha512/ab/abcd…
 *     <root>/content/ingest/…          being written: unseen until renamed
 *
 * A blob appears whole or not at all. Every read from its beginning is checked against its digest.
 */
export interface LocalStore extends ContentStore {
  /** Directory for temporary files, swept after a crash: see `openArchive`. */
  readonly spool: string
  /** Where the blob lies, or would. */
  path(digest: Digest): string
  stat(digest: Digest): StoredBlob | undefined
  /** A manifest, index or config in one synchronous, verified read; undefined when it is not here. At most 4 MiB. */
  document(d: Pick<Descriptor, 'digest' | 'size'>): Uint8Array | undefined
  ingest(ref: string, call?: Call & IngestOptions): Promise<PausableIngest>
  /** The same store; whatever is put or committed through this view is added to the lease before it is visible. */
  leased(lease: Lease): LocalStore
  /** Every blob. Synchronous, for gc under its lock. */
  entries(): Iterable<StoredBlob>
  /** Removes a blob; nothing happens when it is gone. Synchronous, for gc under its lock. */
  remove(digest: Digest): void
  /** Drops unfinished writes of ended processes: one-shot ones at once, resumable ones when untouched for a day. */
  removeStale(): void
}

/** Opens (or makes) the store under `root`. `db` keeps who is writing what. */
export function openLocalStore(options: { readonly root: string; readonly db: Database }): LocalStore {
  const directory = join(options.root, 'content')
  mkdirSync(join(directory, 'ingest'), { recursive: true, mode: 0o700 })
  openIngestTable(options.db)
  return new DirectoryStore(directory, options.db)
}

class DirectoryStore implements LocalStore {
  readonly spool: string
  readonly #directory: string
  readonly #db: Database
  readonly #lease: Lease | undefined

  constructor(directory: string, db: Database, lease?: Lease) {
    this.#directory = directory
    this.spool = join(directory, 'ingest')
    this.#db = db
    this.#lease = lease
  }

  leased(lease: Lease): LocalStore {
    return new DirectoryStore(this.#directory, this.#db, lease)
  }

  path(digest: Digest): string {
    const hex = hexOf(parseDigest(digest))
    return join(this.#directory, algorithmOf(digest), hex.slice(0, 2), hex)
  }

  stat(digest: Digest): StoredBlob | undefined {
    const stat = statSync(this.path(digest), { throwIfNoEntry: false })
    return stat && { digest, size: stat.size, added: stat.mtimeMs }
  }

  async has(d: Descriptor): Promise<boolean> {
    return fileSize(this.path(d.digest)) === d.size
  }

  async open(d: Descriptor, call?: Call & OpenOptions): Promise<ByteStream> {
    checkCanceled(call)
    const path = this.path(d.digest)
    const size = fileSize(path) ?? fail('not_found', `blob ${d.digest} is not in the store`)
    if (size !== d.size) corrupt({ path }, d)
    if (call?.verify === false) return readRange({ path, start: 0 }, size, call.offset ?? 0, call)
    return readBlob({ path, start: 0 }, d, call?.offset ?? 0, call)
  }

  document(d: Pick<Descriptor, 'digest' | 'size'>): Uint8Array | undefined {
    const path = this.path(d.digest)
    const size = fileSize(path)
    if (size === undefined) return undefined
    if (size !== d.size) corrupt({ path }, d)
    if (size > DOCUMENT_LIMIT) fail('resource_exhausted', `${d.digest} has ${size} bytes, too many for a document`)
    return readVerified({ path, start: 0 }, d)
  }

  async put(d: Descriptor, bytes: ByteStream, call?: Call): Promise<void> {
    const path = this.path(d.digest)
    this.#lease?.add(d.digest)
    if (this.#refresh(d, path)) return letGo(bytes)
    const temporary = join(this.spool, oneShotName())
    return writeBlob({ temporary, path }, d, bytes, call)
  }

  async ingest(ref: string, { pastCache = false }: IngestOptions = {}): Promise<PausableIngest> {
    const name = claimIngest(this.#db, ref)
    const path = join(this.spool, name)
    const release = (): void => releaseIngest(this.#db, name)
    const claim = (): void => void claimIngest(this.#db, ref)
    const sink = await openFileSink(path, { resume: true, pastCache }).catch((error: unknown) => {
      release()
      throw error
    })
    return new FileIngest(sink, path, {
      claim,
      release,
      publish: (digest) => {
        this.#lease?.add(digest)
        publish(path, this.path(digest))
      },
    })
  }

  async delete(digest: Digest): Promise<void> {
    this.remove(digest)
  }

  remove(digest: Digest): void {
    const path = this.path(digest)
    try {
      rmSync(path, { force: true })
    } catch (error) {
      throw diskError(error, 'remove', path)
    }
  }

  *entries(): Iterable<StoredBlob> {
    for (const algorithm of ['sha256', 'sha512'])
      for (const prefix of namesIn(join(this.#directory, algorithm)))
        for (const hex of namesIn(join(this.#directory, algorithm, prefix))) {
          const digest = `${algorithm}:${hex}`
          const blob = isDigest(digest) && hex.startsWith(prefix) ? this.stat(digest) : undefined
          if (blob) yield blob
        }
  }

  async *list(call?: Call): AsyncGenerator<Descriptor, void, void> {
    for (const { digest, size } of this.entries()) {
      checkCanceled(call)
      yield { mediaType: 'application/octet-stream', digest, size }
    }
  }

  removeStale(): void {
    removeStaleIngests(this.#db, this.spool)
  }

  /** True when the blob is there. Made young under the lock that gc sweeps under, so that it stays. */
  #refresh(d: Descriptor, path: string): boolean {
    if (fileSize(path) !== d.size) return false
    return this.#db.immediate(() => {
      try {
        const now = new Date()
        utimesSync(path, now, now)
        return true
      } catch {
        return false
      }
    })
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if (isErrnoCode(error, 'ENOENT')) return []
    throw diskError(error, 'list', directory)
  }
}
