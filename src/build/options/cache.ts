/** Which results of earlier builds count. */
export interface CacheOptions {
  /** Run every step again. Results are still recorded. */
  readonly noCache?: boolean
  /** Run the steps of these stages again. */
  readonly noCacheFilter?: readonly string[]
}
