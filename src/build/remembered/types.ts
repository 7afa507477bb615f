import type { VertexProgress, WarningProgress } from '#base'
import type { Digest } from '#oci'
import type { CopyDefinition, RunDefinition, Stack } from '../ops/definition.ts'
import type { LocalDirectory } from '../source/localtrees.ts'

/** What a build is asked with, as far as it can be known before anything is parsed. */
export interface Given {
  /** The context and the Dockerfile's path: builds of one place are remembered one at a time. */
  readonly place: Digest
  /** Of the Dockerfile's bytes, the ignore file's, the time of git's HEAD, and every option. */
  readonly key: Digest
  /** The context. */
  readonly directory: LocalDirectory
}

/** What a step reads of the build context, with the digest that stands for it in the step's key. */
export interface ContextRead {
  readonly def: CopyDefinition | RunDefinition
  readonly digest: Digest
}

/** What a build came to, as plain data: enough to tell the next one of the same. */
export interface SolvedBuild {
  /** What was said of the Dockerfile. */
  readonly warnings: readonly WarningProgress[]
  /** Everything that is shown, inputs before what reads them. */
  readonly steps: readonly Omit<VertexProgress, 'started' | 'completed'>[]
  /** The definition key under which the result is recorded. */
  readonly record: Digest
  readonly layers: Stack
  readonly reads: readonly ContextRead[]
}
