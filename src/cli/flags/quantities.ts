import { fail } from '#base'

const POWERS: Readonly<Record<string, number>> = { b: 0, k: 1, m: 2, g: 3, t: 4, p: 5 }

/** `512m`, `1.5g`, `64kb`, `1GiB`: bytes, units of 1024 in any case, as docker reads `--memory`. */
export function parseBytes(text: string, flag: string): number {
  const [, number, unit = 'b'] = /^(\d+(?:\.\d+)?)\s*(?:([bkmgtp])(?:i?b)?)?$/i.exec(text.trim()) ?? []
  if (number === undefined)
    fail('invalid_argument', `invalid argument ${JSON.stringify(text)} for ${flag}: a size is meant, like 512m or 2g`)
  return Math.floor(Number(number) * 1024 ** POWERS[unit.toLowerCase()]!)
}

/** A whole number within bounds. */
export function parseInteger(text: string, flag: string, low: number = Number.MIN_SAFE_INTEGER): number {
  const value = /^-?\d+$/.test(text.trim()) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(value) || value < low)
    fail(
      'invalid_argument',
      `invalid argument ${JSON.stringify(text)} for ${flag}: a whole number${low > Number.MIN_SAFE_INTEGER ? ` of at least ${low}` : ''} is meant`,
    )
  return value
}

/** A decimal number above zero. */
export function parseDecimal(text: string, flag: string): number {
  const value = /^\d*\.?\d+$/.test(text.trim()) ? Number(text) : Number.NaN
  if (!(value > 0)) fail('invalid_argument', `invalid argument ${JSON.stringify(text)} for ${flag}: a number is meant`)
  return value
}

const SECONDS: Readonly<Record<string, number>> = { ns: 1e-9, us: 1e-6, µs: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 }

/** Go's durations (`1h30m`, `500ms`): seconds. */
export function parseDuration(text: string, flag: string): number {
  let seconds = 0
  let rest = text
  for (let match = part(rest); match; match = part(rest)) {
    seconds += Number(match[1]) * SECONDS[match[2]!]!
    rest = rest.slice(match[0].length)
  }
  if (rest !== '' || text === '')
    fail('invalid_argument', `invalid argument ${JSON.stringify(text)} for ${flag}: a duration is meant, like 1h30m`)
  return seconds
}

function part(text: string): RegExpExecArray | null {
  return /^(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/.exec(text)
}

/** `--since`, `--until`: a duration before now, seconds since the epoch, or a date. Milliseconds since the epoch. */
export function parseTime(text: string, flag: string, now: number = Date.now()): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000
  if (/^\d+(\.\d+)?(ns|us|µs|ms|s|m|h)/.test(text)) return now - parseDuration(text, flag) * 1000
  const time = Date.parse(text)
  if (Number.isNaN(time))
    fail('invalid_argument', `invalid argument ${JSON.stringify(text)} for ${flag}: a time or duration is meant`)
  return time
}
