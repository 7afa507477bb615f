import type { ByteStream, Call } from '#base'
import type { Descriptor, Digest } from '#oci'

/**
 * Where immutable bytes can be read. A registry, an OCI layout, a docker-archive, the local
 * store and an edited image all show these two methods, so one reader, one copier and one
 * validator serve them all.
 */
export interface ContentProvider {
  has(d: Descriptor, call?: Call): Promise<boolean>
  /**
   * The bytes from `offset` (default 0) on. Verified as they stream: a stream that starts at 0
   * and reaches its end has had exactly `d.size` bytes with digest `d.digest`; otherwise it
   * throws `data_loss`. `not_found` when the content is absent.
   */
  open(d: Descriptor, call?: Call & OpenOptions): Promise<ByteStream>
}

/** How content is read. */
export interface OpenOptions {
  /** Where to begin, bytes. Default 0. */
  readonly offset?: number
  /**
   * False from whoever checks the digest itself: a provider may then leave it out, which on a large
   * layer is a fifth of the time. Default true.
   */
  readonly verify?: boolean
}

/** How a write is begun. */
export interface IngestOptions {
  /** The bytes are not read soon: on a disk they need not pass through the page cache. */
  readonly pastCache?: boolean
}

/** A provider that can be written to. */
export interface ContentStore extends ContentProvider {
  /** Idempotent: resolves when the content is there, whoever wrote it. Verifies size and digest. */
  put(d: Descriptor, bytes: ByteStream, call?: Call): Promise<void>
  /** Begins (or resumes, at `offset`) a write under a name of the caller's; nobody sees it until commit. */
  ingest(ref: string, call?: Call & IngestOptions): Promise<Ingest>
  delete(digest: Digest, call?: Call): Promise<void>
  /** Every blob, in no order; media types are unknown here and read `application/octet-stream`. */
  list(call?: Call): AsyncIterable<Descriptor>
}

/** One write in progress. Disposing without commit keeps the bytes for a later resume; `abort` drops them. */
export interface Ingest extends AsyncDisposable {
  readonly offset: number
  /** What is there already, up to the offset of now: for a reader that needs the whole. */
  kept(call?: Call): ByteStream
  write(chunk: Uint8Array): Promise<void>
  /** Makes the bytes visible; `data_loss` (and nothing kept) if they are not what was expected. */
  commit(mediaType: string, expected?: Pick<Descriptor, 'digest' | 'size'>): Promise<Descriptor>
  abort(): Promise<void>
}

/** A write that other processes may go on with in between. */
export interface PausableIngest extends Ingest {
  /** Lets others have it. What was learned of its bytes is kept. */
  pause(): Promise<void>
  /** Takes it back. False when somebody else has gone on with it or ended it: then it has to be begun again. */
  resume(): boolean
}

/** Content with names: something that can be copied from. */
export interface ReadOnlyTarget extends ContentProvider {
  /** The root descriptor behind a tag or digest; `not_found` otherwise. */
  resolve(ref: string, call?: Call): Promise<Descriptor>
  referrers?(subject: Descriptor, call?: Call): AsyncIterable<Descriptor>
}

/** Content with names that can be copied to. */
export interface Target extends ReadOnlyTarget {
  put(d: Descriptor, bytes: ByteStream, call?: Call): Promise<void>
  tag(d: Descriptor, ref: string, call?: Call): Promise<void>
  mount?(d: Descriptor, fromRepository: string, call?: Call): Promise<boolean>
}

/** Protects what is in flight: while it is held, gc keeps everything added under it. */
export interface Lease extends AsyncDisposable {
  readonly id: string
  add(digest: Digest): void
}
