import type { CacheSource } from '../remotecache/types.ts'
import type { StepReason } from '../why/types.ts'

/** Which results of earlier builds count. */
export interface CacheOptions {
  /** Run every step again. Results are still recorded. */
  readonly noCache?: boolean
  /** Run the steps of these stages again. */
  readonly noCacheFilter?: readonly string[]
  /** Other machines' records, asked in this order where this one has none. */
  readonly cacheFrom?: readonly CacheSource[]
  /** Told why each step was run, when the last one has ended: what changed since the last build in this place. */
  readonly explain?: (steps: readonly StepReason[]) => void
}
