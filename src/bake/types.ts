/**
 * A bake file says what is to be built: *targets*, each one build, and *groups* of them. Files in HCL, JSON and Compose's YAML are
 * read, merged, and evaluated to plain data; nothing here builds anything.
 */

/** A file's bytes as text, under the name that messages call it by. */
export interface BakeFile {
  readonly name: string
  readonly text: string
}

/** `type=registry,ref=…`: what the flag of that name takes, member by member. */
export type Entry = Readonly<Record<string, string>>

/** One build. Members are called as in the files; absent ones were not said. */
export interface Target {
  readonly description?: string
  readonly inherits?: readonly string[]
  readonly annotations?: readonly string[]
  readonly attest?: readonly Entry[]
  readonly context?: string
  readonly contexts?: Readonly<Record<string, string>>
  readonly dockerfile?: string
  readonly 'dockerfile-inline'?: string
  readonly args?: Readonly<Record<string, string>>
  readonly labels?: Readonly<Record<string, string>>
  readonly tags?: readonly string[]
  readonly 'cache-from'?: readonly Entry[]
  readonly 'cache-to'?: readonly Entry[]
  readonly target?: string
  readonly secret?: readonly Entry[]
  readonly ssh?: readonly Entry[]
  readonly platforms?: readonly string[]
  readonly output?: readonly Entry[]
  readonly pull?: boolean
  readonly 'no-cache'?: boolean
  readonly network?: string
  readonly 'no-cache-filter'?: readonly string[]
  readonly 'shm-size'?: string
  readonly ulimits?: readonly string[]
  readonly resources?: Readonly<Record<string, string>>
  readonly call?: string
  readonly entitlements?: readonly string[]
  readonly 'extra-hosts'?: Readonly<Record<string, string>>
  readonly policy?: readonly Entry[]
}

export interface Group {
  readonly targets: readonly string[]
  readonly description?: string
}

export interface Variable {
  readonly name: string
  readonly value: string | undefined
  readonly description: string | undefined
  /** `list of string`. */
  readonly type: string | undefined
}

/** Everything that the files say, evaluated. */
export interface Definitions {
  readonly targets: ReadonlyMap<string, Target>
  readonly groups: ReadonlyMap<string, Group>
  readonly variables: readonly Variable[]
}

export interface BakeOptions {
  /** What a variable's value is taken from, before its default: `--var`, then the environment. */
  readonly variable?: (name: string) => string | undefined
  /** The variables that Compose files are interpolated with. */
  readonly environment?: Readonly<Record<string, string>>
  /** The text of a file that a Compose file names (`include`, `extends`, `env_file`), or of `.env`; undefined without it. */
  readonly readFile?: (path: string) => string | undefined
  /** Told what a file says that means nothing: each once. */
  readonly warn?: (message: string) => void
  /** BAKE_LOCAL_PLATFORM and BAKE_CMD_CONTEXT. */
  readonly builtins?: Readonly<Record<string, string>>
}

/** What is asked for, in the order in which it can be built: what others read comes first. */
export interface Plan {
  readonly groups: ReadonlyMap<string, Group>
  readonly targets: ReadonlyMap<string, Target>
}
