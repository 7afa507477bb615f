import { fail } from '#base'
import { isSpace } from './space.ts'
import type { Escape } from './syntax.ts'

/** A piece of a line by offsets; `text` may differ from what stands there (quotes removed). */
export interface Piece {
  readonly text: string
  readonly start: number
  readonly end: number
}

/** Words at white space, quotes respected and kept: `a="b c" d\ e` is two. For ARG, ENV and LABEL. */
export function quotedWords(line: string, escape: Escape): Piece[] {
  const words: Piece[] = []
  let at = 0
  while (at < line.length) {
    if (isSpace(line[at]!)) {
      at++
      continue
    }
    const start = at
    let text = ''
    let quote = ''
    while (at < line.length && (quote !== '' || !isSpace(line[at]!))) {
      const char = line[at]!
      if (char === escape && quote !== "'") {
        // At the very end there is nothing to escape and the character is dropped.
        if (at + 1 < line.length) text += char + line[at + 1]!
        at += 2
        continue
      }
      if (quote === '' && (char === '"' || char === "'")) quote = char
      else if (char === quote) quote = ''
      text += char
      at++
    }
    at = Math.min(at, line.length)
    if (text !== '') words.push({ text, start, end: at })
  }
  return words
}

/** Words at blanks; quotes mean nothing. For FROM, EXPOSE, COPY, ADD and VOLUME. */
export function plainWords(line: string): Piece[] {
  const words: Piece[] = []
  for (const match of line.matchAll(/[^\t\v\f\r ]+/g))
    words.push({ text: match[0], start: match.index, end: match.index + match[0].length })
  return words
}

/** The `--flags` at the start of a line, quotes removed, and where the rest begins. `--` alone ends them. */
export function leadingFlags(
  line: string,
  escape: Escape,
): { readonly flags: readonly Piece[]; readonly rest: number } {
  const flags: Piece[] = []
  let at = 0
  for (;;) {
    while (at < line.length && isSpace(line[at]!)) at++
    if (!line.startsWith('--', at)) return { flags, rest: at }
    const flag = flagAt(line, at, escape)
    at = flag.end
    if (flag.text === '--') return { flags, rest: at }
    flags.push(flag)
  }
}

function flagAt(line: string, start: number, escape: Escape): Piece {
  let at = start
  let text = ''
  let quote = ''
  while (at < line.length && (quote !== '' || !isSpace(line[at]!))) {
    const char = line[at]!
    if (char === escape) {
      text += line[at + 1] ?? ''
      at += 2
      continue
    }
    if (quote === '' && (char === '"' || char === "'")) quote = char
    else if (char === quote) quote = ''
    else text += char
    at++
  }
  return { text, start, end: Math.min(at, line.length) }
}

/** A JSON array of strings, or undefined for what is no JSON; `invalid_argument` for an array of something else. */
export function jsonArguments(line: string): string[] | undefined {
  const strings = jsonStrings(line)
  if (strings === null) fail('invalid_argument', 'an array of arguments in JSON can hold strings only')
  return strings
}

/** A JSON array of strings; `undefined` when the line is not JSON, `null` when it is JSON but not that. */
export function jsonStrings(line: string): string[] | null | undefined {
  const trimmed = line.trimStart()
  if (!trimmed.startsWith('[')) return undefined
  let value: unknown
  try {
    value = JSON.parse(trimmed)
  } catch {
    return undefined
  }
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : null
}
