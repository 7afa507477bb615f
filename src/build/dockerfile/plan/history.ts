import type { Healthcheck } from '#oci'

/** History entries read as BuildKit writes them, and BuildKit writes Go's formats. */

/** `%v` of a list: `[a b]`. */
export function listed(items: readonly string[]): string {
  return `[${items.join(' ')}]`
}

/** `%q` of a list: `["a" "b"]`. */
export function quotedList(items: readonly string[]): string {
  return `[${items.map(quoted).join(' ')}]`
}

const SHORT: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
}

/** `%q`. */
export function quoted(text: string): string {
  let out = ''
  for (const char of text) {
    const code = char.codePointAt(0)!
    if (SHORT[char] !== undefined) out += SHORT[char]
    else if (code < 0x20 || code === 0x7f) out += `\\x${code.toString(16).padStart(2, '0')}`
    else if (!/[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(char))
      out += code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
    else out += char
  }
  return `"${out}"`
}

/** `%+v` of a health check. */
export function healthcheckText(check: Healthcheck): string {
  const time = (value: number | undefined): string => goDuration(value ?? 0)
  return `{Test:${listed(check.Test ?? [])} Interval:${time(check.Interval)} Timeout:${time(check.Timeout)} StartPeriod:${time(check.StartPeriod)} StartInterval:${time(check.StartInterval)} Retries:${check.Retries ?? 0}}`
}

function goDuration(nanoseconds: number): string {
  if (nanoseconds === 0) return '0s'
  if (nanoseconds < 1e9) return nanoseconds < 1e6 ? `${nanoseconds / 1e3}µs` : `${nanoseconds / 1e6}ms`
  const hours = Math.floor(nanoseconds / 3600e9)
  const minutes = Math.floor((nanoseconds % 3600e9) / 60e9)
  const seconds = `${(nanoseconds % 60e9) / 1e9}s`
  if (hours > 0) return `${hours}h${minutes}m${seconds}`
  return minutes > 0 ? `${minutes}m${seconds}` : seconds
}
