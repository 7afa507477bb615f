import type { Command } from '../command.ts'

/** A command's place in the table: enough to list it; the rest is loaded when it is needed. */
export interface Entry {
  /** `ps`, or two words: `system df`. */
  readonly name: string
  readonly summary: string
  /** Docker's management forms of the same command. */
  readonly also?: readonly string[]
  readonly hidden?: boolean
  /** Starts a process in a container: what that waits for is begun before anything else is read. */
  readonly starts?: boolean
  /** Is run as the user that one is, root or not. */
  readonly unprivileged?: boolean
  readonly load: () => Promise<Command>
}
