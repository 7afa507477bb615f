import { formatPlatform, type Platform } from '#oci'
import { located } from '../../location.ts'
import { expand, expandWord, type ExpandOptions } from '../expand.ts'
import type { ArgInstruction } from '../instruction.ts'
import type { Escape } from '../syntax.ts'

/** Variables in the order in which they were last set. */
export type Variables = Map<string, string>

/** Sets a variable; one that is set again goes to the end, as in the environment of BuildKit's steps. */
export function setVariable(variables: Variables, name: string, value: string): void {
  variables.delete(name)
  variables.set(name, value)
}

/** Build arguments from outside, and which of them some ARG asked for. */
export class BuildArgs {
  readonly #values: ReadonlyMap<string, string>
  readonly #asked = new Set<string>()

  constructor(values: Readonly<Record<string, string>>) {
    const { SOURCE_DATE_EPOCH: epoch, ...others } = values
    // An empty epoch is none.
    this.#values = new Map(Object.entries(epoch === '' ? others : values))
  }

  get(name: string): string | undefined {
    this.#asked.add(name)
    return this.#values.get(name)
  }

  /** An argument that the builder itself reads, whether or not an ARG declares it. */
  builtin(name: string): string | undefined {
    return this.#values.get(name)
  }

  /** Without asking for it. */
  has(name: string): boolean {
    return this.#values.has(name)
  }

  /** Arguments that nothing in the Dockerfile declares. */
  unused(): string[] {
    return [...this.#values.keys()].filter((name) => !this.#asked.has(name) && !isProxy(name) && !BUILTIN.has(name))
  }

  /** `HTTP_PROXY` and its kin as environment, in both spellings. */
  proxyEnvironment(): string[] {
    return [...this.#values]
      .filter(([name, value]) => isProxy(name) && value !== '')
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([name, value]) => [`${name.toUpperCase()}=${value}`, `${name.toLowerCase()}=${value}`])
  }
}

/** Arguments for the builder, not for the Dockerfile. */
const BUILTIN: ReadonlySet<string> = new Set([
  'BUILDKIT_BUILD_NAME',
  'BUILDKIT_CACHE_MOUNT_NS',
  'BUILDKIT_CONTEXT_KEEP_GIT_DIR',
  'BUILDKIT_DOCKERFILE_CHECK',
  'BUILDKIT_INLINE_CACHE',
  'BUILDKIT_MULTI_PLATFORM',
  'BUILDKIT_SANDBOX_HOSTNAME',
  'BUILDKIT_SBOM_SCAN_CONTEXT',
  'BUILDKIT_SBOM_SCAN_STAGE',
  'BUILDKIT_SYNTAX',
  'SOURCE_DATE_EPOCH',
])

function isProxy(name: string): boolean {
  return /^(?:https?|ftp|no|all)_proxy$/i.test(name)
}

/** What every Dockerfile can ask for by `ARG`: the platforms and the stage that is built. */
export function platformArgs(build: Platform, target: Platform, stage: string | undefined): Variables {
  const args: Variables = new Map()
  for (const [prefix, platform] of [
    ['BUILD', build],
    ['TARGET', target],
  ] as const) {
    args.set(`${prefix}PLATFORM`, formatPlatform(platform))
    args.set(`${prefix}OS`, platform.os)
    args.set(`${prefix}OSVERSION`, platform['os.version'] ?? '')
    args.set(`${prefix}ARCH`, platform.architecture)
    args.set(`${prefix}VARIANT`, platform.variant ?? '')
  }
  return args.set('TARGETSTAGE', stage ?? 'default')
}

/** The scope above the first FROM. Each ARG sees those before it, on its own line as well. */
export function globalScope(
  defaults: Variables,
  instructions: readonly ArgInstruction[],
  buildArgs: BuildArgs,
  escape: Escape,
): Variables {
  const scope: Variables = new Map()
  for (const [name, value] of defaults) scope.set(name, buildArgs.get(name) ?? value)
  for (const { args, statement } of instructions)
    located(statement, () => {
      for (const { key, value } of args) {
        const given = buildArgs.get(key) ?? (value === undefined ? undefined : expander(scope, escape)(value))
        if (given !== undefined) scope.set(key, given)
      }
    })
  return scope
}

/** Expands a word and splits it at white space. */
export function splitter(variables: ReadonlyMap<string, string>, escape: Escape): (word: string) => readonly string[] {
  return (word) => expand(word, (name) => variables.get(name), { escape }).words
}

/** Expands words with the variables as they are at the time of each call. */
export function expander(
  variables: ReadonlyMap<string, string>,
  escape: Escape,
): (word: string, options?: ExpandOptions) => string {
  return (word, options) => expandWord(word, (name) => variables.get(name), { escape, ...options })
}
