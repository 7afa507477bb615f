import { asBool, asNumber, asText, kindOf, type Value } from '../hcl/value.ts'

const VERB = /%(?<flags>[-+# 0]*)(?<width>\d*)(?:\.(?<precision>\d*))?(?:\[(?<index>\d+)\])?(?<verb>[a-zA-Z%])/g
/** Wider is a mistake, or an attack on the memory. */
const WIDEST = 1024

/** printf as HCL has it: `%s %q %d %t %v %#v %f %e %g %b %o %x %X %%`. */
export function format(pattern: string, values: readonly Value[]): string {
  let next = 0
  const used = new Set<number>()
  const out = pattern.replace(VERB, (_all, ...rest) => {
    const groups = rest.at(-1) as Readonly<Record<string, string | undefined>>
    if (groups['verb'] === '%') return '%'
    const index = groups['index'] ? Number(groups['index']) - 1 : next
    next = index + 1
    used.add(index)
    const value = values[index]
    if (value === undefined) throw new Error(`not enough arguments for ${JSON.stringify(pattern)}`)
    return padded(verb(groups['verb']!, value, groups), groups)
  })
  if (values.length > next && used.size < values.length)
    throw new Error(`too many arguments: ${JSON.stringify(pattern)} takes ${used.size}`)
  return out
}

type Groups = Readonly<Record<string, string | undefined>>

function verb(letter: string, value: Value, groups: Groups): string {
  const { flags = '', precision } = groups
  switch (letter) {
    case 'v':
      return asText(value) ?? JSON.stringify(value)
    case 's':
      return cut(need(asText(value), 'string', value), precision)
    case 'q':
      return JSON.stringify(need(asText(value), 'string', value))
    case 't':
      return String(need(asBool(value), 'bool', value))
    default:
      return signed(number(letter, need(asNumber(value), 'number', value), precision), flags)
  }
}

function number(letter: string, value: number, precision: string | undefined): string {
  const digits = precision === undefined ? 6 : Number(precision)
  switch (letter) {
    case 'd':
      return asText(Math.trunc(value))!
    case 'b':
      return Math.trunc(value).toString(2)
    case 'o':
      return Math.trunc(value).toString(8)
    case 'x':
      return Math.trunc(value).toString(16)
    case 'X':
      return Math.trunc(value).toString(16).toUpperCase()
    case 'f':
      return value.toFixed(Math.min(digits, 100))
    case 'e':
      return value.toExponential(Math.min(digits, 100)).replace(/e([+-])(\d)$/, 'e$10$2')
    case 'g':
      return String(value)
    default:
      throw new Error(`%${letter} is no format verb`)
  }
}

function need<T>(value: T | undefined, what: string, given: Value): T {
  if (value === undefined) throw new Error(`a ${what} is wanted, not ${kindOf(given)}`)
  return value
}

function cut(text: string, precision: string | undefined): string {
  return precision === undefined ? text : Array.from(text).slice(0, Number(precision)).join('')
}

function signed(text: string, flags: string): string {
  return text.startsWith('-') ? text : flags.includes('+') ? `+${text}` : flags.includes(' ') ? ` ${text}` : text
}

function padded(text: string, { flags = '', width = '' }: Groups): string {
  const length = Number(width)
  if (length > WIDEST) throw new Error(`a width of ${width} is too much`)
  if (flags.includes('-')) return text.padEnd(length)
  if (!flags.includes('0')) return text.padStart(length)
  const sign = /^[+-]/.exec(text)?.[0] ?? ''
  return sign + text.slice(sign.length).padStart(length - sign.length, '0')
}
