import type { ByteStream, Call } from '#base'
import type { Descriptor, Digest } from '#oci'

/**
 * What a registry's storage must do: keep blobs under their digests and small records under keys.
 * Everything else (repositories, tags, referrers, gc) is written once on top of these, so a new
 * kind of storage is these two interfaces and the suite that proves them.
 *
 * Nothing here is a transaction over two calls; an object store has none. What must not be lost
 * is *touched* before it is referred to, and what is unused is removed only under the condition
 * that nobody has touched it for the grace period.
 */
export interface RegistryStorage extends AsyncDisposable {
  readonly blobs: BlobStorage
  readonly records: RecordStorage
  /** The clock by which `touched` is told: milliseconds since the epoch. */
  now(): number
  /** Throws when the storage cannot be written to: readiness. */
  check(): Promise<void>
}

/** A blob in the storage. */
export interface BlobInfo {
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
}

/** Half open: from `start` up to but without `end`. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** Where a range of a blob is: a file that the kernel can send, a URL to send the client to, or bytes. */
export type BlobBody =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'redirect'; readonly url: string }
  | { readonly kind: 'stream'; readonly stream: ByteStream }

/** Bytes by digest, shared by all repositories: a blob is visible only through a repository's records. */
export interface BlobStorage {
  stat(digest: Digest): Promise<BlobInfo | undefined>
  /** `not_found` when the blob is absent; the range lies inside it. */
  read(blob: BlobInfo, range: ByteRange, call?: Call): Promise<BlobBody>
  /** A whole small blob, checked against its digest; undefined when it is absent. */
  document(digest: Digest): Promise<Uint8Array | undefined>
  /** A small blob in one piece. Idempotent; touches. */
  put(d: Descriptor, bytes: Uint8Array): Promise<void>
  /** Begins the write called `id`, or takes it up where it stopped. `unavailable` while somebody else writes it. */
  upload(id: string): Promise<BlobUpload>
  /** Makes the blob young. False when it is absent; atomic against {@link removeUnused}. */
  touch(digest: Digest): Promise<boolean>
  /** Removes the blob if it was last touched before `before` (ms since the epoch). */
  removeUnused(digest: Digest, before: number): Promise<boolean>
  /** What gc may judge: every blob, or none where somebody else collects them. */
  list(call?: Call): AsyncIterable<BlobInfo>
}

/**
 * A blob being written; unseen until commit. Between two requests it is paused: another server over the same storage may
 * take it up. `close` keeps the bytes for a later {@link BlobStorage.upload}. */
export interface BlobUpload {
  /** Bytes so far. */
  readonly offset: number
  write(chunk: Uint8Array): Promise<void>
  /** Everything that came is where other servers find it. */
  pause(): Promise<void>
  /** False when another server has gone on with it meanwhile: then it has to be opened again. */
  resume(): Promise<boolean>
  /** Makes the bytes visible as a young blob; `data_loss`, with nothing kept, if they have another digest. */
  commit(digest: Digest): Promise<BlobInfo>
  abort(): Promise<void>
  close(): Promise<void>
}

/** A small text under a key. */
export interface StoredRecord {
  readonly key: string
  readonly value: string
  /** When it was put or last touched: milliseconds since the epoch. */
  readonly touched: number
}

/** On what a put or delete depends; when it does not hold, nothing changes and the answer is false. */
export interface RecordCondition {
  /** The value there now; null for none. */
  readonly value?: string | null
  /** Last touched before this time. */
  readonly before?: number
}

export interface RecordPage {
  readonly after?: string
  readonly limit?: number
  /** Only the keys are wanted: values and times may be left empty. */
  readonly keys?: boolean
}

/** Small texts by key, listed in the order of the keys' bytes where these have no slash after the prefix. Each call is atomic and lasting. */
export interface RecordStorage {
  get(key: string): Promise<StoredRecord | undefined>
  put(key: string, value: string, condition?: RecordCondition): Promise<boolean>
  touch(key: string): Promise<boolean>
  delete(key: string, condition?: RecordCondition): Promise<boolean>
  /** Records whose key starts with `prefix`, after the key `after`, at most `limit` of them. */
  list(prefix: string, page?: RecordPage): Promise<readonly StoredRecord[]>
}
