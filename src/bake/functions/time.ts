import type { HclFunction } from '../hcl/evaluate.ts'
import { asText } from '../hcl/value.ts'
import { anything, define, number, text } from './arguments.ts'

const MONTHS = 'January February March April May June July August September October November December'.split(' ')
const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ')
const UNITS: Readonly<Record<string, number>> = { h: 3600e3, m: 60e3, s: 1e3, ms: 1, us: 1e-3, µs: 1e-3, ns: 1e-6 }

export const time: Readonly<Record<string, HclFunction>> = {
  // `X` is the time in seconds; a number is one.
  formattimestamp: define([text, anything], (pattern, when) => {
    const date = typeof when === 'number' ? new Date(when * 1000) : dateOf(asText(when) ?? '')
    return pattern === 'X' ? String(Math.floor(date.getTime() / 1000)) : formatDate(pattern, date)
  }),
  timestamp: define([], () => rfc3339(new Date())),
  timeadd: define([text, text], (when, duration) => rfc3339(new Date(dateOf(when).getTime() + milliseconds(duration)))),
  formatdate: define([text, text], (pattern, when) => formatDate(pattern, dateOf(when))),
  unixtimestampparse: define([number], (seconds) => {
    const date = new Date(seconds * 1000)
    return {
      year: date.getUTCFullYear(),
      year_day: dayOfYear(date),
      day: date.getUTCDate(),
      month: date.getUTCMonth() + 1,
      month_name: MONTHS[date.getUTCMonth()]!,
      weekday: date.getUTCDay(),
      weekday_name: DAYS[date.getUTCDay()]!,
      hour: date.getUTCHours(),
      minute: date.getUTCMinutes(),
      second: date.getUTCSeconds(),
      rfc3339: rfc3339(date),
      iso_year: isoWeek(date).year,
      iso_week: isoWeek(date).week,
    }
  }),
}

function dateOf(text: string): Date {
  const date = new Date(text)
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text) || Number.isNaN(date.getTime()))
    throw new Error(`${JSON.stringify(text)} is no RFC 3339 time`)
  return date
}

function rfc3339(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z')
}

function milliseconds(duration: string): number {
  if (!/^[+-]?(\d+(\.\d+)?(h|m|s|ms|us|µs|ns))+$/.test(duration))
    throw new Error(`${JSON.stringify(duration)} is no duration`)
  const sign = duration.startsWith('-') ? -1 : 1
  const parts = [...duration.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)/g)]
  return sign * parts.reduce((sum, [, count, unit]) => sum + Number(count) * UNITS[unit!]!, 0)
}

function dayOfYear(date: Date): number {
  return Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86400e3) + 1
}

/** ISO 8601: the week with the year's first Thursday is the first. */
function isoWeek(date: Date): { readonly year: number; readonly week: number } {
  const thursday = new Date(date.getTime() + (4 - (date.getUTCDay() || 7)) * 86400e3)
  return { year: thursday.getUTCFullYear(), week: Math.ceil(dayOfYear(thursday) / 7) }
}

/** `DD MMM YYYY hh:mm ZZZ`; text in single quotes stays. */
function formatDate(pattern: string, date: Date): string {
  return pattern.replace(/'((?:[^']|'')*)'|([a-zA-Z])\2*/g, (all, quoted?: string) =>
    quoted === undefined ? field(all, date) : quoted.replaceAll("''", "'"),
  )
}

function field(verb: string, date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  const sized = (value: number): string => (verb.length === 1 ? String(value) : two(value))
  const hours = date.getUTCHours()
  const month = MONTHS[date.getUTCMonth()]!
  switch (verb[0]) {
    case 'Y':
      return verb.length === 2 ? two(date.getUTCFullYear() % 100) : String(date.getUTCFullYear())
    case 'M':
      return verb.length === 4 ? month : verb.length === 3 ? month.slice(0, 3) : sized(date.getUTCMonth() + 1)
    case 'D':
      return sized(date.getUTCDate())
    case 'E':
      return verb.length === 4 ? DAYS[date.getUTCDay()]! : DAYS[date.getUTCDay()]!.slice(0, 3)
    case 'h':
      return sized(hours)
    case 'H':
      return sized(hours % 12 || 12)
    case 'A':
      return hours < 12 ? 'AM' : 'PM'
    case 'a':
      return hours < 12 ? 'am' : 'pm'
    case 'm':
      return sized(date.getUTCMinutes())
    case 's':
      return sized(date.getUTCSeconds())
    case 'Z':
      return verb.length === 1 ? 'Z' : verb.length === 3 ? 'UTC' : verb.length === 4 ? '+0000' : '+00:00'
    default:
      throw new Error(`${JSON.stringify(verb)} is no part of a date; put literal text in single quotes`)
  }
}
