import { expand, type ExpandOptions, type Lookup } from '../expand.ts'
import type { BuildArgs, Variables } from '../plan/scope.ts'
import type { Instruction } from '../instruction.ts'
import type { Escape } from '../syntax.ts'
import { attempt } from './attempt.ts'

interface Scope {
  readonly variables: Variables
  readonly global: Variables
  readonly buildArgs: BuildArgs
  readonly escape: Escape
}

/** Variables that an instruction asks for and that are not set where it stands: each once for every word. */
export function undefinedIn(instruction: Instruction, scope: Scope): readonly string[] {
  if (instruction.name === 'ARG') return undefinedInArg(instruction, scope)
  const lookup = (key: string): string | undefined => scope.variables.get(key)
  return wordsOf(instruction).flatMap(([word, options]) => [
    ...unsetIn(word, lookup, { escape: scope.escape, ...options }),
  ])
}

const BODY: ExpandOptions = { literalQuotes: true, escape: '\\' }

/** The words in which variables are expanded, as they are written. EXPOSE looks for none. */
function wordsOf(instruction: Instruction): readonly (readonly [word: string, options?: ExpandOptions])[] {
  switch (instruction.name) {
    case 'ENV':
    case 'LABEL':
      return instruction.pairs.flatMap(({ key, value }) => [[key], [value]] as const)
    case 'COPY':
    case 'ADD': {
      const { chown = '', chmod = '', checksum = '', sources, destination } = instruction
      const paths = sources.flatMap((source) => (source.kind === 'path' ? [source.path] : []))
      const bodies = sources.flatMap((source) => (source.kind === 'inline' && source.expand ? [source.content] : []))
      return [
        ...[chown, chmod, checksum, ...paths, destination].map((word) => [word] as const),
        ...bodies.map((body) => [body, BODY] as const),
      ]
    }
    case 'RUN':
      return instruction.mounts.map((mount) => [mount] as const)
    case 'VOLUME':
      return instruction.paths.map((path) => [path] as const)
    case 'WORKDIR':
    case 'USER':
    case 'STOPSIGNAL':
      return [[instruction.text]]
    default:
      return []
  }
}

/** Each default sees those before it; one that is given from outside is not looked at. */
function undefinedInArg(
  { args }: Extract<Instruction, { name: 'ARG' }>,
  { variables, buildArgs, escape }: Scope,
): readonly string[] {
  const declared = new Set<string>()
  const unset: string[] = []
  for (const { key, value } of args) {
    const lookup = (name: string): string | undefined => variables.get(name) ?? (declared.has(name) ? '' : undefined)
    if (value !== undefined && !buildArgs.has(key)) unset.push(...unsetIn(value, lookup, { escape }))
    declared.add(key)
  }
  return unset
}

function unsetIn(word: string, lookup: Lookup, options: ExpandOptions): ReadonlySet<string> {
  return (word.includes('$') && attempt(() => expand(word, lookup, options))?.unset) || new Set()
}
