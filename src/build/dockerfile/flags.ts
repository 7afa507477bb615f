import { fail } from '#base'
import { nearest } from './nearest.ts'
import type { Flag, Statement } from './syntax.ts'

export type FlagKind = 'text' | 'boolean' | 'texts'

/** The values of a statement's flags by name, checked against what its instruction knows. */
export function readFlags(
  statement: Statement,
  known: Readonly<Record<string, FlagKind>> = {},
): ReadonlyMap<string, readonly string[]> {
  const values = new Map<string, string[]>()
  for (const flag of statement.flags) {
    const kind = Object.hasOwn(known, flag.name) ? known[flag.name]! : undefined
    if (kind === undefined) unknownFlag(statement, flag, Object.keys(known))
    const before = values.get(flag.name)
    if (before && kind !== 'texts') fail('invalid_argument', `duplicate flag specified: --${flag.name}`)
    const value = kind === 'boolean' ? readBoolean(flag) : flag.value
    if (value === undefined) fail('invalid_argument', `missing a value on flag: --${flag.name}`)
    if (before) before.push(value)
    else values.set(flag.name, [value])
  }
  return values
}

function readBoolean(flag: Flag): string | undefined {
  if (flag.value === undefined) return 'true'
  if (flag.value === '') return undefined
  const value = flag.value.toLowerCase()
  if (value !== 'true' && value !== 'false')
    fail('invalid_argument', `expecting boolean value for flag --${flag.name}, not: ${flag.value}`)
  return value
}

function unknownFlag(statement: Statement, flag: Flag, known: readonly string[]): never {
  const close = nearest(flag.name, known)
  const details = close === undefined ? {} : { hint: `did you mean --${close}?` }
  fail('invalid_argument', `unknown flag for ${statement.name}: --${flag.name}`, details)
}
