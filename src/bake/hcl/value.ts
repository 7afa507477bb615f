/** What an expression comes to. Sets are lists that were deduplicated and sorted when they were made. */
export type Value = string | number | boolean | null | readonly Value[] | ValueMap

export interface ValueMap {
  readonly [key: string]: Value
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value)
}

export function isMap(value: Value): value is ValueMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value under a key of its own; undefined for one that is only inherited. */
export function member(map: ValueMap, key: string): Value | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined
}

/** For messages: what HCL calls it. */
export function kindOf(value: Value): string {
  if (value === null) return 'null'
  if (isList(value)) return 'list'
  if (isMap(value)) return 'object'
  return value === true || value === false ? 'bool' : typeof value
}

/** As text, where HCL converts on its own: strings, numbers and booleans. */
export function asText(value: Value): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return String(value)
  if (typeof value !== 'number') return undefined
  return Number.isInteger(value) && Math.abs(value) >= 1e21 ? BigInt(value).toString() : String(value)
}

export function asNumber(value: Value): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value !== 'string' || !/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(value)) return undefined
  return Number(value)
}

export function asBool(value: Value): boolean | undefined {
  if (typeof value === 'boolean') return value
  if (value === 'true' || value === '1') return true
  if (value === 'false' || value === '0') return false
  return undefined
}

export function equal(a: Value, b: Value): boolean {
  if (isList(a) && isList(b)) return a.length === b.length && a.every((item, i) => equal(item, b[i]!))
  if (isMap(a) && isMap(b)) {
    const keys = Object.keys(a)
    return (
      keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && equal(a[key]!, b[key]!))
    )
  }
  return a === b
}

/** The members of a set: each once, numbers and texts in their order. */
export function asSet(values: readonly Value[]): readonly Value[] {
  const out: Value[] = []
  for (const value of values) if (!out.some((other) => equal(other, value))) out.push(value)
  return out.sort(compare)
}

function compare(a: Value, b: Value): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  const [x, y] = [JSON.stringify(a), JSON.stringify(b)]
  return x < y ? -1 : x > y ? 1 : 0
}
