import { fail } from '#base'

const NANOSECONDS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
}
const PART = /^(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/

/** A duration as Go writes it (`1m30s`, `1.5h`, `0`) in nanoseconds. */
export function parseDuration(text: string): number {
  const sign = text.startsWith('-') ? -1 : 1
  let rest = /^[+-]/.test(text) ? text.slice(1) : text
  if (rest === '0') return 0
  let total = 0
  if (rest === '') fail('invalid_argument', `invalid duration ${JSON.stringify(text)}`)
  while (rest !== '') {
    const match = PART.exec(rest)
    if (!match) {
      const missing = /^[\d.]+$/.test(rest) ? 'missing unit in duration' : 'invalid duration'
      fail('invalid_argument', `${missing} ${JSON.stringify(text)}`, { hint: 'write it like 30s or 1m30s' })
    }
    total += Number(match[1]) * NANOSECONDS[match[2]!]!
    rest = rest.slice(match[0].length)
  }
  return Math.round(sign * total)
}
