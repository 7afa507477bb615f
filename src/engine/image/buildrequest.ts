import type { CacheOptions, ContextOptions, LanguageOptions, ResultOptions, StepOptions } from '#build'

/** What a caller asks of a build: the build's own options, and what only a node can do. */
export interface BuildRequest
  extends LanguageOptions, ContextOptions, StepOptions, CacheOptions, Omit<ResultOptions, 'platforms'> {
  readonly tags?: readonly string[]
  /** Ask the registries what base images' names mean now; else only for those that are not here. */
  readonly pull?: boolean
  /** `linux/arm64`; with several the result is an index. */
  readonly platforms?: readonly string[]
}
