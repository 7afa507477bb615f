import { fail } from '#base'
import type { CacheEntry } from '#engine'
import { parseFilters } from './filters.ts'
import { parseTime } from './quantities.ts'

const KNOWN = ['until', 'id', 'type', 'description', 'parents', 'inuse', 'shared', 'private']

/** `--filter` of the build cache's commands, `until` apart: every name must match, any of its values may. */
export function cacheFilter(given: readonly string[]): (entry: CacheEntry) => boolean {
  const filters = [...parseFilters(given, KNOWN)].filter(([name]) => name !== 'until')
  for (const [name, values] of filters) for (const value of values) check(name, value)
  return (entry) => filters.every(([name, values]) => values.some((value) => matches(entry, name, value)))
}

/** `until=24h`: what was used since then stays. */
export function cacheTimes(given: readonly string[]): { readonly unusedSince?: number } {
  const times = (parseFilters(given, KNOWN).get('until') ?? []).map((text) => parseTime(text, 'until'))
  return times.length > 0 ? { unusedSince: Math.min(...times) } : {}
}

function check(name: string, value: string): void {
  if (['inuse', 'shared', 'private'].includes(name) && value !== 'true' && value !== 'false')
    fail('invalid_argument', `invalid filter '${name}=${value}': true or false is meant`)
}

function matches(entry: CacheEntry, name: string, value: string): boolean {
  switch (name) {
    case 'id':
      return entry.id.startsWith(value)
    case 'type':
      return entry.type === value
    case 'description':
      return entry.description.includes(value)
    case 'parents':
      return entry.parents.some((parent) => parent.startsWith(value))
    case 'inuse':
      return String(entry.inUse) === value
    default:
      return String(entry.shared) === (name === 'private' ? String(value !== 'true') : value)
  }
}
