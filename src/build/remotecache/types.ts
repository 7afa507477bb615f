import type { Call } from '#base'
import type { ReadOnlyTarget } from '#content'
import type { Descriptor, Digest } from '#oci'

/** Where records of another machine's builds may be had. Opened when a record is first missing here. */
export interface CacheSource {
  /** For messages: as it was written. */
  readonly name: string
  /** `not_found` when there is no such cache. */
  open(call?: Call): Promise<FoundCache>
}

/** A build cache, and where it is read from. */
export interface FoundCache {
  readonly from: ReadOnlyTarget
  /** A cache, or an image that one refers to. */
  readonly root: Descriptor
}

/** What a cache says: records, and the layers that they name. See docs/formats/build-cache.md. */
export interface CacheDocument {
  readonly version: 1
  readonly layers: readonly CachedLayer[]
  readonly records: readonly CachedRecord[]
}

export interface CachedLayer {
  readonly diffId: Digest
  /** Bytes of the uncompressed tar. */
  readonly size: number
  /** Which of the manifest's layers holds it; absent for a base image's, which comes with that image. */
  readonly blob?: number
}

export interface CachedRecord {
  readonly key: Digest
  /** Which of the document's layers, from the base up. */
  readonly stack: readonly number[]
}

/** Which records go out: those of the result's own layers, or those of every step. */
export type CacheMode = 'min' | 'max'

/** Records to send, by what they mean here. */
export interface CacheContents {
  readonly records: readonly { readonly key: Digest; readonly stack: readonly Digest[] }[]
  /** Layers that come with a base image. */
  readonly base: ReadonlySet<Digest>
  /** Bytes of a layer's tar. */
  readonly sizeOf: (diffId: Digest) => number
}
