import type { Leak } from '#build'
import type { ImageDifference } from '#image'
import type { Digest } from '#oci'

/** One thing in which two builds differ. */
export interface BuildDifference extends ImageDifference {
  /** The usual cause of a difference there, and its cure. */
  readonly leak?: Leak
}

/** What came of building twice. */
export interface Verification {
  /** Of the manifest or index, both times. */
  readonly digests: readonly [Digest, Digest]
  /** The first ones; none when the digests are one. */
  readonly differences: readonly BuildDifference[]
  /** There are more than are listed. */
  readonly more: boolean
}
