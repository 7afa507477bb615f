import { csvRows } from '../functions/encoding.ts'
import { failAt, type Place } from '../hcl/source.ts'
import { asBool, asText, isList, isMap, kindOf, type Value } from '../hcl/value.ts'
import type { Entry, Target } from '../types.ts'

type Reader = (value: Value, at: Place, name: string) => unknown

/** Every member of a target, and how its value is read. */
export const FIELDS: { readonly [K in keyof Required<Target>]: Reader } = {
  description: readText,
  inherits: readTexts,
  annotations: readTexts,
  attest: readEntries,
  context: readText,
  contexts: readMap,
  dockerfile: readText,
  'dockerfile-inline': readText,
  args: readMap,
  labels: readMap,
  tags: readTexts,
  'cache-from': readEntries,
  'cache-to': readEntries,
  target: readText,
  secret: readEntries,
  ssh: readEntries,
  platforms: readTexts,
  output: readEntries,
  pull: readBool,
  'no-cache': readBool,
  network: readText,
  'no-cache-filter': readTexts,
  'shm-size': readText,
  ulimits: readTexts,
  resources: readMap,
  call: readText,
  entitlements: readTexts,
  'extra-hosts': readMap,
  policy: readEntries,
}

/** What a target or a group may be called. */
export function isName(text: string): boolean {
  return /^[a-zA-Z0-9_-]+$/.test(text)
}

export function isField(name: string): name is keyof Target {
  return Object.hasOwn(FIELDS, name)
}

/** A member's value; undefined for null, which is as good as not said. */
export function readField(name: keyof Target, value: Value, at: Place): unknown {
  return value === null ? undefined : FIELDS[name](value, at, name)
}

function readText(value: Value, at: Place, name: string): string {
  return asText(value) ?? failAt(at, `${name} must be a string, not ${kindOf(value)}`)
}

function readBool(value: Value, at: Place, name: string): boolean {
  return asBool(value) ?? failAt(at, `${name} must be true or false, not ${kindOf(value)}`)
}

function readTexts(value: Value, at: Place, name: string): string[] {
  if (!isList(value)) return failAt(at, `${name} must be a list of strings, not ${kindOf(value)}`)
  return value.filter((item) => item !== null).map((item) => readText(item, at, `an item of ${name}`))
}

/** Null members are left out: the Dockerfile's own value holds. */
function readMap(value: Value, at: Place, name: string): Record<string, string> {
  if (!isMap(value)) return failAt(at, `${name} must be an object, not ${kindOf(value)}`)
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== null)
      .map(([key, item]) => [key, readText(item, at, `${name}.${key}`)]),
  )
}

function readEntries(value: Value, at: Place, name: string): Entry[] {
  if (!isList(value)) return failAt(at, `${name} must be a list, not ${kindOf(value)}`)
  return value.flatMap((item) => {
    if (item === null || item === '') return []
    if (isMap(item)) return [readEntry(item, at, name)]
    try {
      return [parseEntry(name, readText(item, at, `an item of ${name}`))]
    } catch {
      return failAt(at, `${JSON.stringify(item)} is no value of ${name}`)
    }
  })
}

/** Lists inside of an entry, such as the keys of an ssh one, are joined as their flag has them. */
function readEntry(item: { readonly [key: string]: Value }, at: Place, name: string): Entry {
  return Object.fromEntries(
    Object.entries(item)
      .filter(([, value]) => value !== null)
      .map(([key, value]) => [
        key,
        isList(value) ? readTexts(value, at, `${name}.${key}`).join(',') : readText(value, at, `${name}.${key}`),
      ]),
  )
}

/** An entry written as its flag takes it. */
export function parseEntry(name: string, text: string): Entry {
  if (name === 'ssh') return sshEntry(text)
  const [fields = [], ...more] = csvRows(text)
  if (more.length > 0) throw new Error('more than one line')
  if (fields.length === 1 && !fields[0]!.includes('=')) return shorthand(name, fields[0]!)
  return Object.fromEntries(
    fields.map((field) => {
      const at = field.indexOf('=')
      return at < 0 ? [field, 'true'] : [field.slice(0, at).trim().toLowerCase(), field.slice(at + 1)]
    }),
  )
}

function shorthand(name: string, text: string): Entry {
  if (name === 'output') return text === '-' ? { type: 'tar', dest: '-' } : { type: 'local', dest: text }
  if (name === 'cache-from' || name === 'cache-to') return { type: 'registry', ref: text }
  if (name === 'policy') return { filename: text }
  throw new Error('expected KEY=VALUE')
}

/** `ID`, or `ID=PATH,PATH`. */
function sshEntry(text: string): Entry {
  const at = text.indexOf('=')
  return at < 0 ? { id: text } : { id: text.slice(0, at), paths: text.slice(at + 1) }
}

/** The entry as its flag takes it. */
export function formatEntry(name: string, entry: Entry): string {
  if (name === 'ssh')
    return entry['paths'] === undefined ? (entry['id'] ?? 'default') : `${entry['id']}=${entry['paths']}`
  return Object.entries(entry)
    .map(([key, value]) => `${key}=${value}`)
    .map((field) => (/[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field))
    .join(',')
}
