import type { Digest } from '#oci'
import type { Vertex } from '../types.ts'

/** Told of what happens, as it happens. */
export interface SolveObserver<D, R> {
  /** A vertex's definition key is known. */
  keyed(vertex: Vertex<D>, key: Digest): void
  /**
   * A vertex has its result: because it was run; from a record; or it is not asked for, because one above it has a
   * record. Then there is no result to tell.
   */
  ended(vertex: Vertex<D>, cached: boolean, result?: R): void
}
