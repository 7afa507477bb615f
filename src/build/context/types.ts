import type { Call } from '#base'
import type { CopyFrom } from '../dockerfile/plan/copy.ts'
import type { BuildVertex } from '../ops/definition.ts'
import type { ContextOptions } from '../options/context.ts'
import type { LanguageOptions } from '../options/language.ts'
import type { DockerfileSource } from '../source/context.ts'
import type { SecretReader } from '../source/http/request.ts'
import type { LocalDirectory } from '../source/localtrees.ts'
import type { SourceTree } from '../source/tree.ts'

/** The build context, and the Dockerfile that lies in it or beside it. */
export interface MainContext {
  readonly from: CopyFrom
  readonly dockerfile: DockerfileSource
  /** Of the commit that the context is at, seconds since the epoch. */
  readonly commitTime?: number | undefined
}

export type MainOptions = ContextOptions & Pick<LanguageOptions, 'buildArgs'>

/** What contexts need of a build before there is a plan. */
export interface ContextHost {
  /** A directory for what is fetched or read, gone with the build. */
  readonly scratch: string
  /** Local trees by name, to be filled. */
  readonly directories: Map<string, LocalDirectory>
  readonly secret: SecretReader
  /** The tree that a vertex makes, while `work` looks at it. */
  view<T>(target: BuildVertex, work: (tree: SourceTree) => Promise<T>, call?: Call): Promise<T>
  /** When the commit was made that a git vertex, viewed before, is at. */
  commitTime(target: BuildVertex): number | undefined
}

/** What is looked for where nothing is named. */
export const DOCKERFILE = 'Dockerfile'

/** Larger than any Dockerfile that somebody wrote. */
export const DOCKERFILE_LIMIT: number = 16 << 20
