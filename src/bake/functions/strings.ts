import type { HclFunction } from '../hcl/evaluate.ts'
import { isList, type Value } from '../hcl/value.ts'
import { anything, define, number, text, texts } from './arguments.ts'
import { format } from './format.ts'

export const strings: Readonly<Record<string, HclFunction>> = {
  upper: define([text], (s) => s.toUpperCase()),
  lower: define([text], (s) => s.toLowerCase()),
  title: define([text], (s) => s.replace(/[\p{L}\p{N}]+/gu, (word) => word[0]!.toUpperCase() + word.slice(1))),
  // Both take what HCL calls a buffer, and nothing that a file can call makes one.
  byteslen: noBuffers,
  bytesslice: noBuffers,
  strlen: define([text], (s) => graphemes(s).length),
  reverse: define([text], (s) => graphemes(s).toReversed().join('')),
  substr: define([text, number, number], (s, from, count) => {
    const all = graphemes(s)
    const start = from < 0 ? Math.max(0, all.length + from) : from
    return all.slice(start, count < 0 ? undefined : start + count).join('')
  }),
  chomp: define([text], (s) => s.replace(/[\r\n]+$/, '')),
  trimspace: define([text], (s) => s.trim()),
  trim: define([text, text], (s, cut) => trimStart(trimEnd(s, cut), cut)),
  trimprefix: define([text, text], (s, prefix) => (s.startsWith(prefix) ? s.slice(prefix.length) : s)),
  trimsuffix: define([text, text], (s, suffix) =>
    suffix !== '' && s.endsWith(suffix) ? s.slice(0, -suffix.length) : s,
  ),
  indent: define([number, text], (spaces, s) => s.replaceAll('\n', `\n${' '.repeat(Math.min(spaces, 1000))}`)),
  join: define([text], (separator, ...lists) => lists.flat().join(separator), texts),
  split: define([text, text], (separator, s) => s.split(separator)),
  replace: define([text, text, text], (s, from, to) => s.replaceAll(from, () => to)),
  regex: define([text, text], (pattern, s) => {
    const found = expressionOf(pattern).exec(s)
    if (!found) throw new Error('pattern did not match any part of the given string')
    return captures(found)
  }),
  regexall: define([text, text], (pattern, s) => [...s.matchAll(expressionOf(pattern, 'g'))].map(captures)),
  regex_replace: define([text, text, text], (s, pattern, to) => s.replace(expressionOf(pattern, 'g'), replacement(to))),
  format: define([text], (pattern, ...values) => format(pattern, values), anything),
  formatlist: define([text], (pattern, ...values) => formatList(pattern, values), anything),
  // What may stand in the name of a target.
  sanitize: define([text], (s) => s.replace(/[^a-zA-Z0-9_-]+/g, '_')),
  basename: define([text], (s) => s.replace(/\/+$/, '').split('/').pop() || (s.startsWith('/') ? '/' : '.')),
  dirname: define([text], (s) => {
    const parts = s.split('/').slice(0, -1).join('/').replace(/\/+/g, '/')
    return parts || (s.startsWith('/') ? '/' : '.')
  }),
}

function noBuffers(): never {
  throw new Error('argument 1 must be a buffer, and no function makes one')
}

function graphemes(s: string): string[] {
  return [...new Intl.Segmenter().segment(s)].map(({ segment }) => segment)
}

function trimStart(s: string, cut: string): string {
  let at = 0
  while (at < s.length && cut.includes(s[at]!)) at++
  return s.slice(at)
}

function trimEnd(s: string, cut: string): string {
  let end = s.length
  while (end > 0 && cut.includes(s[end - 1]!)) end--
  return s.slice(0, end)
}

/** RE2's grammar is close to ours; its named groups and flags are not. */
function expressionOf(pattern: string, flags = ''): RegExp {
  const inline = /^\(\?([imsU]+)\)/.exec(pattern)
  const rest = pattern.slice(inline?.[0].length ?? 0).replaceAll('(?P<', '(?<')
  const own = (inline?.[1] ?? '').replaceAll('U', '')
  try {
    return new RegExp(rest, `u${flags}${own}`)
  } catch {
    throw new Error(`${JSON.stringify(pattern)} is no regular expression`)
  }
}

/** The groups by name, in a list, or, without any, the whole match. */
function captures(found: RegExpExecArray): Value {
  if (found.groups) return Object.fromEntries(Object.entries(found.groups).map(([key, value]) => [key, value ?? null]))
  return found.length > 1 ? found.slice(1).map((value) => value ?? null) : found[0]
}

/** Go writes `$1`, `${name}` and `$$`. */
function replacement(to: string): string {
  return to.replace(/\$\$|\$\{(\w+)\}|\$(\w+)/g, (all, braced?: string, bare?: string) => {
    const name = braced ?? bare
    if (name === undefined) return all
    return name === '0' ? '$&' : /^\d+$/.test(name) ? `$${name}` : `$<${name}>`
  })
}

function formatList(pattern: string, values: readonly Value[]): Value {
  const lengths = values.filter(isList).map((value) => value.length)
  const count = lengths[0] ?? 1
  if (lengths.some((length) => length !== count))
    throw new Error(`the lists must be of one length, not ${lengths.join(' and ')}`)
  return Array.from({ length: count }, (_, i) =>
    format(
      pattern,
      values.map((value) => (isList(value) ? value[i]! : value)),
    ),
  )
}
