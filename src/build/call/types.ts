import type { SourceLocation } from '#base'
import type { Finding } from '../dockerfile/check/checks.ts'

/** A Dockerfile that questions are asked about, for whoever shows a part of it. */
export interface SourceFile {
  /** As the user named it. */
  readonly name: string
  readonly text: string
}

/** What `--call=check` finds in all stages, or in those that a target needs. */
export interface CheckReport {
  readonly source: SourceFile
  readonly findings: readonly Finding[]
  /** Why the Dockerfile cannot be built at all. */
  readonly error?: { readonly message: string; readonly location?: SourceLocation }
}

/** What `--call=outline` tells: what a target can be given. */
export interface BuildOutline {
  readonly source: SourceFile
  /** Of the target; absent when it has none. */
  readonly name?: string
  readonly description?: string
  readonly args: readonly OutlineArg[]
  readonly secrets: readonly OutlineMount[]
  readonly ssh: readonly OutlineMount[]
}

/** A build argument that the target reads. */
export interface OutlineArg {
  readonly name: string
  /** The one that the build would have; empty without any. */
  readonly value: string
  readonly description?: string
  readonly location: SourceLocation
}

/** A secret or an SSH agent that the target asks for. */
export interface OutlineMount {
  readonly id: string
  readonly required: boolean
  readonly location: SourceLocation
}

/** What `--call=targets` tells. */
export interface TargetList {
  readonly source: SourceFile
  readonly targets: readonly BuildTarget[]
}

/** A stage that can be built by name. */
export interface BuildTarget {
  readonly name?: string
  readonly description?: string
  /** The one that is built when none is asked for. */
  readonly isDefault: boolean
  readonly base: string
  readonly platform?: string
  readonly location: SourceLocation
}
