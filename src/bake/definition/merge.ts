import type { Entry, Target } from '../types.ts'

/** Members whose items are gathered; the others are replaced, maps by their keys. */
const GATHERED: ReadonlySet<keyof Target> = new Set([
  'annotations',
  'attest',
  'cache-from',
  'entitlements',
  'inherits',
  'no-cache-filter',
  'policy',
  'secret',
  'ssh',
  'ulimits',
])
/** Members that are maps. */
export const BY_KEY: ReadonlySet<keyof Target> = new Set(['args', 'contexts', 'labels', 'extra-hosts', 'resources'])

/** What an earlier definition says, and what a later one says over it. */
export function merge(first: Target, second: Target): Target {
  const out: Record<string, unknown> = { ...first }
  for (const [name, value] of Object.entries(second) as [keyof Target, unknown][]) {
    const before = out[name]
    if (before !== undefined && BY_KEY.has(name)) out[name] = { ...(before as object), ...(value as object) }
    else if (before !== undefined && GATHERED.has(name))
      out[name] = unique(name, [...(before as readonly unknown[]), ...(value as readonly unknown[])])
    else out[name] = value
  }
  return out as Target
}

/** What is said twice counts once; of attestations of one type, secrets and keys of one id, the last. */
function unique(name: keyof Target, items: readonly unknown[]): readonly unknown[] {
  const key = (item: unknown): string => {
    if (typeof item === 'string') return item
    const entry = item as Entry
    if (name === 'attest') return entry['type'] ?? ''
    if (name === 'secret' || name === 'ssh') return entry['id'] ?? ''
    return JSON.stringify(entry)
  }
  return [...new Map(items.map((item) => [key(item), item])).values()]
}

/** Lists without what they hold twice; nothing that is empty. */
export function tidied(target: Target): Target {
  return Object.fromEntries(
    Object.entries(target).flatMap(([name, value]): [string, unknown][] => {
      if (Array.isArray(value)) return value.length === 0 ? [] : [[name, unique(name as keyof Target, value)]]
      if (BY_KEY.has(name as keyof Target)) {
        const kept = Object.entries(value as object).filter(([, item]) => name !== 'contexts' || item !== '')
        return kept.length === 0 ? [] : [[name, Object.fromEntries(kept)]]
      }
      return [[name, value]]
    }),
  )
}
