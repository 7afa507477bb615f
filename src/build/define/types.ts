import type { Value } from './quote.ts'

/** Where a stage begins: an image by reference, `scratch`, or another definition. */
export type CopySource = ImageDefinition | string

/** The flags of `COPY`. */
export interface CopyOptions {
  /** Another definition's files, or an image's by reference; default the build context. */
  readonly from?: CopySource
  /** `user`, `user:group`, or numbers. */
  readonly chown?: Value
  /** Octal (`0755`) or symbolic (`u+x`). */
  readonly chmod?: Value
  /** A layer that does not depend on what is below it. */
  readonly link?: boolean
  /** Keeps the sources' directories, from `/./` on. */
  readonly parents?: boolean
  readonly exclude?: readonly string[]
}

/** Options of ADD: those of COPY from the context, and what remote sources need. */
export interface AddOptions extends Omit<CopyOptions, 'from' | 'parents'> {
  /** Digest that the source must have. */
  readonly checksum?: string
  readonly keepGitDir?: boolean
  readonly unpack?: boolean
}

/** `RUN --mount`: members as the Dockerfile has them; `from` may be a definition. */
export interface RunMount {
  readonly type: 'bind' | 'cache' | 'tmpfs' | 'secret' | 'ssh'
  readonly target?: string
  readonly from?: CopySource
  readonly source?: string
  readonly id?: string
  readonly env?: string
  readonly sharing?: 'shared' | 'private' | 'locked'
  readonly readonly?: boolean
  readonly readwrite?: boolean
  readonly required?: boolean
  /** Octal: `0700`. */
  readonly mode?: string
  readonly uid?: number
  readonly gid?: number
  readonly size?: string
}

/** The flags of `RUN`. */
export interface RunOptions {
  readonly mounts?: readonly RunMount[]
  readonly network?: 'default' | 'none' | 'host'
  readonly security?: 'sandbox' | 'insecure'
}

/** The flags of `HEALTHCHECK`; durations as Go writes them (`1m30s`). */
export interface HealthcheckOptions {
  readonly interval?: string
  readonly timeout?: string
  readonly startPeriod?: string
  readonly startInterval?: string
  readonly retries?: number
}

/** A command: a shell's text, or the words of an `exec`. */
export type CommandLine = string | readonly string[]

/**
 * What an image is made of, step by step. A value: every verb answers with a new definition and leaves the old one as
 * it is, so two images may begin with the same steps, which are then done once.
 *
 * Text is taken as it is; variables of the build are named by `expanded()`. What a shell gets (`run`, `cmd`,
 * `entrypoint`, `healthcheck` with a string) is the shell's.
 */
export interface ImageDefinition {
  run(command: CommandLine, options?: RunOptions): ImageDefinition
  copy(sources: Value | readonly Value[], destination: Value, options?: CopyOptions): ImageDefinition
  add(sources: Value | readonly Value[], destination: Value, options?: AddOptions): ImageDefinition
  workdir(path: Value): ImageDefinition
  user(user: Value): ImageDefinition
  env(values: Readonly<Record<string, Value>>): ImageDefinition
  /** A build argument, with a default or without. */
  arg(name: string, standard?: Value): ImageDefinition
  label(values: Readonly<Record<string, Value>>): ImageDefinition
  /** `80`, `53/udp`, `8000-8010`. */
  expose(...ports: readonly (string | number)[]): ImageDefinition
  volume(...paths: readonly string[]): ImageDefinition
  cmd(command: CommandLine): ImageDefinition
  entrypoint(command: CommandLine): ImageDefinition
  shell(command: readonly string[]): ImageDefinition
  stopSignal(signal: Value): ImageDefinition
  /** Without a command an inherited one is taken away. */
  healthcheck(command: CommandLine | undefined, options?: HealthcheckOptions): ImageDefinition
  /** The same as a Dockerfile: what is built, and what can be read, kept and compared. */
  dockerfile(): string
}
