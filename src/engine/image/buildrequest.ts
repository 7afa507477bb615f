import type { CacheOptions, ContextOptions, LanguageOptions, ResultOptions, StepOptions } from '#build'
import type { BuildOutput } from './outputs/types.ts'

/** What a caller asks of a build: the build's own options, and what only a node can do. */
export interface BuildRequest
  extends LanguageOptions, ContextOptions, StepOptions, CacheOptions, Omit<ResultOptions, 'platforms'> {
  readonly tags?: readonly string[]
  /** Where the result goes, all of them; default the local store. */
  readonly outputs?: readonly BuildOutput[]
  /** Ask the registries what base images' names mean now; else only for those that are not here. */
  readonly pull?: boolean
  /** `linux/arm64`; with several the result is an index. */
  readonly platforms?: readonly string[]
}
