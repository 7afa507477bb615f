import { fail } from '#base'

/** What a template may call: docker's functions and Go's own, as far as listings use them. */
export const functions: Readonly<Record<string, (...values: readonly unknown[]) => unknown>> = {
  json: (value) => JSON.stringify(value ?? null),
  join: (list, separator) => items(list).map(show).join(String(separator)),
  split: (text, separator) => show(text).split(String(separator)),
  upper: (text) => show(text).toUpperCase(),
  lower: (text) => show(text).toLowerCase(),
  title: (text) => show(text).replace(/(^|\s)\S/g, (letter) => letter.toUpperCase()),
  pad: (text, before, after) =>
    text === '' ? '' : ' '.repeat(Number(before)) + show(text) + ' '.repeat(Number(after)),
  truncate: (text, length) => Array.from(show(text)).slice(0, Number(length)).join(''),
  replace: (text, from, to) => show(text).replaceAll(String(from), String(to)),
  println: (...values) => values.map(show).join(' ') + '\n',
  print: (...values) => values.map(show).join(''),
  printf: (format, ...values) => printf(show(format), values),
  len: (value) => (typeof value === 'string' ? new TextEncoder().encode(value).length : items(value).length),
  index: (value, ...keys) => keys.reduce((found, key) => member(found, key), value),
  slice: (value, from, to) =>
    (typeof value === 'string' ? value : items(value)).slice(
      Number(from ?? 0),
      to === undefined ? undefined : Number(to),
    ),
  not: (value) => !truth(value),
  and: (...values) => values.find((value) => !truth(value)) ?? values.at(-1),
  or: (...values) => values.find(truth) ?? values.at(-1),
  eq: (a, ...others) => others.some((b) => same(a, b)),
  ne: (a, b) => !same(a, b),
  lt: (a, b) => order(a, b) < 0,
  le: (a, b) => order(a, b) <= 0,
  gt: (a, b) => order(a, b) > 0,
  ge: (a, b) => order(a, b) >= 0,
}

/** Go's notion of a true value: not zero, not empty. */
export function truth(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0
  return Boolean(value)
}

/** As Go's fmt prints it: lists in brackets, maps as `map[k:v]`. */
export function show(value: unknown): string {
  if (value === undefined || value === null) return '<no value>'
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return `[${value.map(show).join(' ')}]`
  if (typeof value === 'object')
    return `map[${Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => `${key}:${show(item)}`)
      .join(' ')}]`
  return String(value as number | boolean | bigint)
}

function items(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  if (value === undefined || value === null) return []
  if (typeof value === 'object') return Object.values(value)
  return fail('invalid_argument', `template: ${show(value)} is not a list`)
}

function member(value: unknown, key: unknown): unknown {
  if (Array.isArray(value)) {
    const at = Number(key)
    if (!(at >= 0 && at < value.length)) fail('invalid_argument', `template: index out of range: ${show(key)}`)
    return value[at]
  }
  return typeof value === 'object' && value !== null && Object.hasOwn(value, String(key))
    ? (value as Record<string, unknown>)[String(key)]
    : undefined
}

function same(a: unknown, b: unknown): boolean {
  return a === b || show(a) === show(b)
}

function order(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  const [x, y] = [show(a), show(b)]
  return x < y ? -1 : x > y ? 1 : 0
}

function printf(format: string, values: readonly unknown[]): string {
  let at = 0
  return format.replace(
    /%([-0 +#]*)(\d*)(?:\.(\d+))?([a-zA-Z%])/g,
    (_, flags: string, width: string, precision: string | undefined, verb: string) => {
      if (verb === '%') return '%'
      const value = values[at++]
      let text =
        verb === 'q'
          ? JSON.stringify(show(value))
          : verb === 'd'
            ? String(Math.trunc(Number(value)))
            : verb === 'f'
              ? Number(value).toFixed(precision === undefined ? 6 : Number(precision))
              : verb === 'x'
                ? Number(value).toString(16)
                : show(value)
      if (verb === 's' && precision !== undefined) text = text.slice(0, Number(precision))
      return flags.includes('-')
        ? text.padEnd(Number(width))
        : text.padStart(Number(width), flags.includes('0') && verb !== 's' ? '0' : ' ')
    },
  )
}
