import { fail } from '#base'

/** YAML as data. Whole numbers are bigints, so that none loses digits. */
export type Tree = string | number | bigint | boolean | null | readonly Tree[] | TreeMap

export interface TreeMap {
  readonly [key: string]: Tree
}

export function isTreeMap(value: Tree | undefined): value is TreeMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isTreeList(value: Tree | undefined): value is readonly Tree[] {
  return Array.isArray(value)
}

/** What a path of a file must be, and is not. */
export function wrong(path: string, what: string): never {
  return fail('invalid_argument', `${path} must be ${what}`)
}

export function mapAt(value: Tree | undefined, path: string): TreeMap {
  if (value === undefined || value === null) return {}
  return isTreeMap(value) ? value : wrong(path, 'a mapping')
}

export function textAt(value: Tree | undefined, path: string): string | undefined {
  if (value === undefined || value === null) return undefined
  return typeof value === 'string' ? value : wrong(path, 'a string')
}

/** As it is written where a text is wanted: strings, numbers and booleans. */
export function scalarAt(value: Tree, path: string): string {
  return value === null || typeof value === 'object' ? wrong(path, 'a string') : String(value)
}

export function boolAt(value: Tree | undefined, path: string): boolean | undefined {
  if (value === undefined || value === null || typeof value === 'boolean') return value ?? undefined
  if (typeof value === 'string' && /^(true|y|yes|on)$/i.test(value)) return true
  if (typeof value === 'string' && /^(false|n|no|off)$/i.test(value)) return false
  return wrong(path, 'true or false')
}

export function textsAt(value: Tree | undefined, path: string): string[] | undefined {
  if (value === undefined || value === null) return undefined
  if (!isTreeList(value)) return wrong(path, 'a list')
  return value.map((item, i) => textAt(item, `${path}[${i}]`) ?? wrong(`${path}[${i}]`, 'a string'))
}

/** `{ KEY: value }` or `[KEY=value]`; null for a key alone. */
export function pairsAt(value: Tree | undefined, path: string): ReadonlyMap<string, string | null> {
  if (value === undefined || value === null) return new Map()
  if (isTreeMap(value))
    return new Map(
      Object.entries(value).map(([key, item]) => [key, item === null ? null : scalarAt(item, `${path}.${key}`)]),
    )
  return new Map(
    textsAt(value, path)!.map((item) => {
      const at = item.indexOf('=')
      return at < 0 ? [item, null] : [item.slice(0, at), item.slice(at + 1)]
    }),
  )
}
