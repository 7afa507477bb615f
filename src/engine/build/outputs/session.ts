import type { BuildHost, BuildResult, BuiltImage } from '#build'
import type { ContentProvider, Lease } from '#content'
import type { Descriptor } from '#oci'
import type { Predicate } from '#trust'
import type { Parts } from '../../parts.ts'

/** A result on its way out. */
export interface OutputSession {
  readonly parts: Parts
  readonly host: BuildHost
  readonly lease: Lease
  readonly content: ContentProvider
  readonly result: BuildResult
  /** The image or index, its attestations included. */
  readonly root: Descriptor
  /** What was stated about each image. */
  readonly predicates?: ReadonlyMap<BuiltImage, readonly Predicate[]>
  /** Full names: those of the build's tags. */
  readonly names: readonly string[]
}
