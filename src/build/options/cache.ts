import type { CacheSource } from '../remotecache/types.ts'

/** Which results of earlier builds count. */
export interface CacheOptions {
  /** Run every step again. Results are still recorded. */
  readonly noCache?: boolean
  /** Run the steps of these stages again. */
  readonly noCacheFilter?: readonly string[]
  /** Other machines' records, asked in this order where this one has none. */
  readonly cacheFrom?: readonly CacheSource[]
}
