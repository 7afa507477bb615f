import type { Call, SourceLocation } from '#base'
import type { Digest } from '#oci'

/**
 * A build is a graph of operations solved with a content-addressed cache.
 *
 * - A *vertex* is definition: serialisable data that says what is asked. It never changes.
 * - An *op* is evaluation: how a vertex's result is found. The solver knows neither files nor
 *   containers; its tests use arithmetic.
 * - A *cache map* is the whole caching contract: a digest of the definition (without inputs)
 *   and, per input, how the input's result is reduced to what this op reads of it.
 */
export interface Vertex<D = unknown> {
  /** Digest of the definition and all inputs: the same vertex asked for twice is one vertex. */
  readonly digest: Digest
  readonly inputs: readonly Vertex<D>[]
  readonly def: D
  /** For people: `[build 2/5] RUN make`. */
  readonly name: string
  readonly location?: SourceLocation
}

/** Evaluates one vertex. `R` is a result: for images a stack of layers. */
export interface Op<R> {
  cacheMap(call?: Call): Promise<CacheMap<R>>
  exec(inputs: readonly R[], call?: Call): Promise<R>
}

export interface CacheMap<R> {
  /** Of the definition alone: never of mtime, umask, owner, path or machine. */
  readonly digest: Digest
  readonly deps: readonly CacheDep<R>[]
}

export interface CacheDep<R> {
  /** Reduces the input's result to the content that this op reads; absent when the whole result counts. */
  contentDigest?(result: R, call?: Call): Promise<Digest>
}

/** Keys to results, surviving restarts. Records are written after their results are durable. */
export interface CacheStorage<R> {
  load(key: Digest): Promise<R | undefined>
  save(key: Digest, result: R, about: { readonly name: string }): Promise<void>
}
