import { fail } from '#base'
import { invalidValue } from './invalidvalue.ts'

const POWERS: Readonly<Record<string, number>> = { b: 0, k: 1, m: 2, g: 3, t: 4, p: 5 }

/** `512m`, `1.5g`, `64kb`, `1GiB`: bytes, units of 1024 in any case, as docker reads `--memory`. */
export function parseBytes(text: string, flag: string): number {
  const [, number, unit = 'b'] = /^(\d+(?:\.\d+)?)\s*(?:([bkmgtp])(?:i?b)?)?$/i.exec(text.trim()) ?? []
  if (number === undefined) invalidValue(text, flag, 'a size, like 512m or 2g,')
  return Math.floor(Number(number) * 1024 ** POWERS[unit.toLowerCase()]!)
}

/** A whole number within bounds. */
export function parseInteger(text: string, flag: string, low: number = Number.MIN_SAFE_INTEGER): number {
  const value = /^-?\d+$/.test(text.trim()) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(value) || value < low)
    invalidValue(text, flag, `a whole number${low > Number.MIN_SAFE_INTEGER ? ` of at least ${low}` : ''}`)
  return value
}

/** A decimal number above zero. */
export function parseDecimal(text: string, flag: string): number {
  const value = /^\d*\.?\d+$/.test(text.trim()) ? Number(text) : Number.NaN
  if (!(value > 0)) invalidValue(text, flag, 'a number')
  return value
}

const SECONDS: Readonly<Record<string, number>> = { ns: 1e-9, us: 1e-6, µs: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 }
const PART = /(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/

/** Go's durations: `1h30m`, `500ms`. */
function secondsOf(duration: string): number | undefined {
  if (!new RegExp(`^(?:${PART.source})+$`).test(duration)) return undefined
  const parts = [...duration.matchAll(new RegExp(PART, 'g'))]
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * SECONDS[unit!]!, 0)
}

/**
 * `--since`, `--until`: a duration before now, seconds since the epoch, or a date. Milliseconds since the epoch.
 * What is none of them Docker's daemon refuses, not its client: the command fails as it fails otherwise.
 */
export function parseTime(text: string, flag: string, now: number = Date.now()): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000
  const ago = secondsOf(text)
  const time = ago === undefined ? Date.parse(text) : now - ago * 1000
  if (Number.isNaN(time))
    fail('invalid_argument', `invalid argument ${JSON.stringify(text)} for ${flag}: a time or duration is meant`)
  return time
}
