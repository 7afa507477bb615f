import type { StepPlace } from '../types.ts'
import type { FileList } from './filelist.ts'

/** Why a step was run, or that it was not: what `--why` tells. */
export interface StepReason {
  readonly step: StepPlace
  readonly name: string
  readonly cached: boolean
  /** In the order in which they matter; none for a step that was cached. */
  readonly changes: readonly StepChange[]
}

/** One thing that made a step run again. */
export type StepChange =
  /** The context and Dockerfile have not been built here before, or not with this step. */
  | { readonly kind: 'first' }
  /** A member of the definition: `args`, `env PATH`, `user`. Values that may be long or secret are absent. */
  | { readonly kind: 'member'; readonly member: string; readonly before?: string; readonly after?: string }
  /** A file of a context. */
  | { readonly kind: 'file'; readonly path: string; readonly change: 'added' | 'removed' | 'changed' }
  /** More files than are told. */
  | { readonly kind: 'files'; readonly count: number }
  /** What the step reads: another step or image that is not what it was. */
  | { readonly kind: 'input'; readonly name: string }
  /** The same step as before: its record is gone (pruned), or was not to be used. */
  | { readonly kind: 'unrecorded' }

/** What is remembered of a step's key: enough to say what changed, in few bytes. */
export interface KeyParts {
  /** Members of the definition: short ones as they are, others by a digest. */
  readonly members: Readonly<Record<string, string>>
  /** Files of contexts, and what counts of each. */
  readonly files: FileList
  /** What it reads, in order. */
  readonly inputs: readonly KeyInput[]
}

export interface KeyInput {
  readonly name: string
  readonly key: string
  /** Digest of what it made; empty where nobody had to look. */
  readonly result: string
}
