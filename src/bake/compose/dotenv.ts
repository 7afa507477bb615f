import { fail } from '#base'
import type { BakeFile } from '../types.ts'
import { substituted, type Lookup } from './interpolate.ts'

/**
 * A `.env` file: `NAME=value`, quoted or not, `export` before it or not, comments; a name alone takes the caller's value.
 * Unquoted and double-quoted values are templates over the caller's and the earlier values.
 * https://github.com/compose-spec/compose-spec/blob/main/05-services.md#env_file-format
 */
export function parseDotenv(file: BakeFile, outer: Lookup): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  const lookup: Lookup = (name) => outer(name) ?? found.get(name)
  const statement =
    /\s*(?:#[^\n]*|(?:export[ \t]+)?([\p{L}\p{N}_.[\]-]+)[ \t]*(?:[=:][ \t]*("(?:[^"\\]|\\[^])*"|'(?:[^'\\]|\\[^])*'|[^\n]*)|(?=\r?\n|$))|$)/uy
  const text = file.text.replace(/^\ufeff/, '')
  while (statement.lastIndex < text.length) {
    const at = statement.lastIndex
    const match = statement.exec(text)
    if (!match) return unreadable(file, text, at)
    const [, name, raw] = match
    if (name === undefined) continue
    const value = raw === undefined ? outer(name) : valueOf(raw, lookup, name, () => unreadable(file, text, at))
    if (value !== undefined) found.set(name, value)
  }
  return found
}

function valueOf(raw: string, lookup: Lookup, name: string, bad: () => never): string {
  if (raw.length > 1 && raw.startsWith("'") && raw.endsWith("'"))
    return raw.slice(1, -1).replaceAll(String.raw`\'`, "'")
  if (raw.length > 1 && raw.startsWith('"') && raw.endsWith('"'))
    return substituted(unescaped(raw.slice(1, -1)), lookup, name)
  if (/^["']/.test(raw)) return bad()
  return substituted(raw.split(' #', 1)[0]!.trimEnd(), lookup, name)
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '"': '"',
  '\\': '\\',
  $: '$$',
}

function unescaped(text: string): string {
  return text.replace(/\\([abfnrtv"\\$])/g, (_, letter: string) => ESCAPES[letter]!)
}

function unreadable(file: BakeFile, text: string, at: number): never {
  const start = at + (/^\s*/.exec(text.slice(at))?.[0].length ?? 0)
  const excerpt = text.slice(start).split('\n', 1)[0]!
  return fail('invalid_argument', `${file.name}: expected NAME=value`, {
    location: { file: file.name, line: text.slice(0, start).split('\n').length, excerpt },
  })
}
