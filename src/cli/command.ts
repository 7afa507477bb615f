import type { Node } from '#engine'

/** One flag: the shape of node:util's parseArgs, with what help and completion need beside it. */
export interface OptionSpec {
  readonly type: 'boolean' | 'string'
  readonly short?: string
  readonly multiple?: boolean
  /** What the value is called in help, in Docker's lower case: `list`, `string`, `bytes`. */
  readonly value?: string
  readonly help: string
  /** What completes the value. */
  readonly complete?: Completion
}

/** What a word on the command line stands for; completion looks these up in the store. */
/** `container-path`: `CONTAINER:` and what follows, or a file here. */
export type Completion =
  | 'container'
  | 'container-path'
  | 'image'
  | 'volume'
  | 'network'
  | 'file'
  | 'directory'
  | readonly string[]

export type Options = Readonly<Record<string, OptionSpec>>

/** Parsed flags, typed by their specs. */
export type Values<O extends Options> = {
  readonly [K in keyof O]?: O[K]['type'] extends 'boolean'
    ? boolean
    : O[K]['multiple'] extends true
      ? readonly string[]
      : string
}

/** What a handler is given besides its arguments. */
export interface Context {
  /** Opens the node on first use; one per invocation, closed by the dispatcher. */
  node(): Promise<Node>
  readonly debug: boolean
  /** Aborted by the first SIGINT or SIGTERM, unless the command handles signals itself. */
  readonly signal: AbortSignal
  /** Stops the dispatcher's own handling of signals: the command forwards them. */
  takeSignals(): void
}

/** One command: everything that help, completion and dispatch know of it. */
export interface Command<O extends Options = Options> {
  /** Arguments as docker writes them, without the command's own name: `[OPTIONS] IMAGE [COMMAND] [ARG...]`. */
  readonly usage: string
  readonly summary: string
  readonly options: O
  /** How many words it takes. */
  readonly min?: number
  readonly max?: number
  /** Everything after this many words belongs to the words, flags included (`run IMAGE ls -l`). */
  readonly stopAfter?: number
  readonly completes?: Completion
  /** Docker's flags that Cairn refuses by name, with the reason when there is one to give. */
  readonly refused?: Readonly<Record<string, string>>
  /** Exit code of Cairn's own failures: 125 where the command may also return a container's code, else 1. */
  readonly failure?: 1 | 125
  /** Resolves with the exit code; nothing means 0. */
  run(context: Context, values: Values<O>, words: readonly string[]): Promise<number | void>
}

/** A command whose handler is checked against its own options. */
export function command<const O extends Options>(spec: Command<O>): Command {
  return spec as unknown as Command
}
