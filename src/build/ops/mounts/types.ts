import type { MountOption } from '#runtime'
import type { Stack, StepMount } from '../definition.ts'
import type { TreeNode } from '../../source/tree.ts'
import type { StepEnvironment } from '../step.ts'
import type { MountPoint } from '../stubs.ts'

/** What a step's mounts come down to. */
export interface Mounted {
  readonly mounts: readonly MountOption[]
  /** Variables that mounts bring: secrets, and where the agent listens. */
  readonly env: readonly string[]
  /** Where the root must have something to mount over. */
  readonly points: readonly MountPoint[]
}

/** One mount, ready; absent for an optional secret or agent that there is none of. */
export interface OneMount {
  readonly mount?: MountOption
  readonly isFile?: boolean
  readonly env?: readonly string[]
}

/** What mounts are made of. */
export interface MountContext {
  readonly environment: StepEnvironment
  /** The step's own directory. */
  readonly dir: string
  readonly epoch: number | undefined
  /** Whatever is to be given back when the step has ended, in reverse order. */
  readonly cleanup: AsyncDisposableStack
  readonly input: (mount: StepMount) => Stack
  /** Cache mounts that this step has, by name: it never waits for itself. */
  readonly caches: Map<string, string>
  /** A tmpfs that nobody outside sees, made on first use: what is in it never reaches a disk. */
  readonly secrets: () => string
}

/** A root, and what in it is mounted. */
export interface ContextCopy {
  readonly path: string
  readonly node: TreeNode
}
