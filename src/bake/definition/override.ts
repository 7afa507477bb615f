import { fail } from '#base'
import type { Entry, Target } from '../types.ts'
import { FIELDS, parseEntry } from './fields.ts'
import { BY_KEY, merge } from './merge.ts'

/** One `--set`: `TARGETPATTERN.KEY[.NAME][+]=VALUE`. */
export interface Override {
  readonly pattern: string
  readonly key: string
  readonly name: string | undefined
  readonly value: string
  readonly append: boolean
}

/** What some keys are called besides. */
const ALIASES: Readonly<Record<string, keyof Target>> = {
  annotation: 'annotations',
  arg: 'args',
  entitlement: 'entitlements',
  'extra-host': 'extra-hosts',
  label: 'labels',
  outputs: 'output',
  platform: 'platforms',
  resource: 'resources',
  secrets: 'secret',
  tag: 'tags',
  ulimit: 'ulimits',
}
const ENTRIES: ReadonlySet<string> = new Set(['attest', 'cache-from', 'cache-to', 'output', 'secret', 'ssh', 'policy'])
const LISTS: ReadonlySet<string> = new Set([
  'annotations',
  'entitlements',
  'no-cache-filter',
  'platforms',
  'tags',
  'ulimits',
])
/** What only a file says. */
const FIXED: ReadonlySet<string> = new Set(['inherits', 'description', 'dockerfile-inline'])
/** Whoever gives more of these never means to take away what is there. */
const ALWAYS_APPENDED: ReadonlySet<string> = new Set(['annotations', 'attest', 'entitlements'])

export function parseOverride(text: string, environment: (name: string) => string | undefined): Override | undefined {
  const at = text.indexOf('=')
  const left = at < 0 ? text : text.slice(0, at)
  const append = left.endsWith('+')
  const [pattern = '', key, ...rest] = (append ? left.slice(0, -1) : left).split('.')
  if (key === undefined)
    return fail('invalid_argument', `invalid override key ${JSON.stringify(left)}`, { hint: 'TARGET.KEY=VALUE' })
  const name = rest.length > 0 ? rest.join('.') : undefined
  if (at >= 0) return { pattern, key, name, value: text.slice(at + 1), append }
  if ((key !== 'args' && key !== 'arg') || name === undefined)
    return fail('invalid_argument', `invalid override ${JSON.stringify(text)}`, { hint: 'TARGET.KEY=VALUE' })
  // An argument without a value takes the caller's own, when there is one.
  const value = environment(name)
  return value === undefined ? undefined : { pattern, key, name, value, append }
}

/** The target with all overrides for it; several of one key make one list. */
export function overridden(target: Target, overrides: readonly Override[]): Target {
  let out = target
  const replaced = new Set<string>()
  for (const override of overrides) {
    out = apply(out, override, replaced)
    replaced.add(ALIASES[override.key] ?? override.key)
  }
  return out
}

function apply(target: Target, override: Override, replaced: ReadonlySet<string>): Target {
  const { key, name, value } = override
  if (key === 'push' || key === 'load')
    return { ...target, output: shortcut(target.output ?? [], key, boolOf(key, value)) }
  if (key === 'secret' && name !== undefined) return { ...target, secret: resourced(target.secret ?? [], name, value) }
  const field = ALIASES[key] ?? (Object.hasOwn(FIELDS, key) ? (key as keyof Target) : undefined)
  if (field === undefined || FIXED.has(field))
    return fail('invalid_argument', `unknown key ${JSON.stringify(key)} in an override`)
  if (BY_KEY.has(field)) {
    if (name === undefined) return fail('invalid_argument', `${key} requires a name: TARGET.${key}.NAME=VALUE`)
    return merge(target, { [field]: { [name]: value } })
  }
  if (name !== undefined) return fail('invalid_argument', `${key} takes no name: TARGET.${key}=VALUE`)
  if (field === 'pull' || field === 'no-cache') return { ...target, [field]: boolOf(key, value) }
  if (!LISTS.has(field) && !ENTRIES.has(field)) return { ...target, [field]: value }
  if (value === '' && !override.append) return { ...target, [field]: [] }
  const items = LISTS.has(field) ? [value] : value === '' ? [] : [entryOf(field, value)]
  const isAdded = override.append || replaced.has(field) || ALWAYS_APPENDED.has(field)
  const before = isAdded ? ((target[field] as readonly unknown[] | undefined) ?? []) : []
  return { ...target, [field]: [...before, ...items] }
}

function entryOf(field: string, value: string): Entry {
  try {
    return parseEntry(field, value)
  } catch {
    return fail('invalid_argument', `${JSON.stringify(value)} is no value of ${field}`)
  }
}

function boolOf(key: string, value: string): boolean {
  if (/^(1|t|true)$/i.test(value)) return true
  if (/^(0|f|false)$/i.test(value)) return false
  return fail('invalid_argument', `invalid value ${JSON.stringify(value)} for boolean key ${key}`)
}

/** `push=…` and `load=…` in terms of outputs. Whoever wants files gets no image besides. */
function shortcut(outputs: readonly Entry[], key: 'push' | 'load', on: boolean): readonly Entry[] {
  if (key === 'load') return on ? loaded(outputs) : outputs
  const set = outputs.map((entry) => (entry['type'] === 'image' ? { ...entry, push: String(on) } : entry))
  if (!on) return set.filter(({ type }) => type !== 'registry')
  return set.every(({ type }) => type === 'docker') ? [...set, { type: 'image', push: 'true' }] : set
}

function loaded(outputs: readonly Entry[]): readonly Entry[] {
  const isThere = outputs.some(({ type, dest }) => type === 'docker' && dest === undefined)
  const areImages = outputs.every(({ type = '' }) => ['docker', 'image', 'registry', 'oci'].includes(type))
  return !isThere && areImages ? [...outputs, { type: 'docker' }] : outputs
}

/** Another source for a secret that the target has. */
function resourced(secrets: readonly Entry[], id: string, value: string): readonly Entry[] {
  if (!secrets.some((secret) => secret['id'] === id))
    return fail('invalid_argument', `the target has no secret ${JSON.stringify(id)}`)
  const source = entryOf('secret', value)
  return secrets.map((secret) => (secret['id'] === id ? { id, ...source } : secret))
}
