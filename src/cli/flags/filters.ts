import { fail } from '#base'
import { invalidValue } from './invalidvalue.ts'

/** The flag of `ps` and `images`. */
export const filterFlag = {
  type: 'string',
  short: 'f',
  multiple: true,
  value: 'filter',
  help: 'Filter output based on conditions provided',
} as const

/** `--filter name=value`, repeated: any value of one name may match, every name must. */
export function parseFilters(
  given: readonly string[],
  known: readonly string[],
): ReadonlyMap<string, readonly string[]> {
  const filters = new Map<string, string[]>()
  for (const item of given) {
    const equals = item.indexOf('=')
    if (equals < 1) invalidValue(item, '--filter', 'name=value')
    const name = item.slice(0, equals).toLowerCase()
    if (!known.includes(name))
      fail('invalid_argument', `invalid filter '${name}'`, { hint: `filters: ${known.join(', ')}` })
    const values = filters.get(name) ?? []
    values.push(item.slice(equals + 1))
    filters.set(name, values)
  }
  return filters
}

/** A value that its filter cannot have; `known` are those that it can. */
export function invalidFilter(name: string, value: string, known: readonly string[] = []): never {
  const hint = known.length > 0 ? { hint: `one of ${known.join(', ')}` } : {}
  return fail('invalid_argument', `invalid filter '${name}=${value}'`, hint)
}

/** Docker's `true` and `false` of filters, which may be said as numbers. */
export function booleanFilter(name: string, value: string): boolean {
  if (value === 'true' || value === '1') return true
  if (value === 'false' || value === '0') return false
  return invalidFilter(name, value, ['true', 'false'])
}

/** `label=key` or `label=key=value`. */
export function matchesLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const equals = wanted.indexOf('=')
  const key = equals < 0 ? wanted : wanted.slice(0, equals)
  return Object.hasOwn(labels, key) && (equals < 0 || labels[key] === wanted.slice(equals + 1))
}
