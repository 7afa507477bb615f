import type { CacheOptions, ContextOptions, LanguageOptions, ResultOptions, StepOptions } from '#build'
import type { AttestRequest } from './attest/types.ts'
import type { CacheDestination, CachePlace } from './cache/types.ts'
import type { LockRequest } from '../lock/types.ts'
import type { BuildOutput } from './outputs/types.ts'

/** What a caller asks of a build: the build's own options, and what only a node can do. */
export interface BuildRequest
  extends
    LanguageOptions,
    ContextOptions,
    StepOptions,
    Omit<CacheOptions, 'cacheFrom'>,
    Omit<ResultOptions, 'platforms' | 'recordsOnly'> {
  readonly tags?: readonly string[]
  /** Where the result goes, all of them; default the local store. */
  readonly outputs?: readonly BuildOutput[]
  /** Other machines' caches; one that cannot be had is a warning. */
  readonly cacheFrom?: readonly CachePlace[]
  /** Where this build's records go. */
  readonly cacheTo?: readonly CacheDestination[]
  /** What pins the sources. */
  readonly lock?: LockRequest
  /** What is stated about the result. */
  readonly attest?: AttestRequest
  /** Ask the registries what base images' names mean now; else only for those that are not here. */
  readonly pull?: boolean
  /** `linux/arm64`; with several the result is an index. */
  readonly platforms?: readonly string[]
}
