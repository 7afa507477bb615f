import { CairnError } from '#base'
import { expand } from './expand.ts'
import type { Heredoc } from './syntax.ts'

export type HeredocMark = Omit<Heredoc, 'content' | 'range'>

const MARK = /^(\d*)<<(-?)\s*([^<]*)$/
const none = (): undefined => undefined

/** Reads `<<EOF`, `<<-EOF`, `3<<"EOF"`; undefined for anything else. */
export function parseMark(word: string): HeredocMark | undefined {
  const match = MARK.exec(word)
  // In shell text the delimiter ends before `;`, and `1 << 2))` is arithmetic.
  const delimiter = match?.[3]?.replace(/[;&|].*$/s, '')
  if (!match || !delimiter || delimiter.includes(')')) return undefined
  const words = lenient(delimiter, false)
  if (words.length !== 1) return undefined
  const name = words[0]!
  const raw = lenient(delimiter, true)[0] ?? ''
  return {
    name,
    expand: quotes(name) === quotes(raw),
    stripTabs: match[2] === '-',
    fd: Number(match[1] || 0),
  }
}

/** The heredocs that a logical line announces, in order. */
export function marksOf(line: string): HeredocMark[] {
  if (!line.includes('<<')) return []
  return attempt(() => expand(line, none, { rawQuotes: true, rawEscapes: true, keepUnset: true }).words)
    .map(parseMark)
    .filter((mark) => mark !== undefined)
}

/** The body as its reader gets it: `<<-` loses leading tabs. */
export function heredocText(heredoc: Pick<Heredoc, 'content' | 'stripTabs'>): string {
  return heredoc.stripTabs ? heredoc.content.replace(/^\t+/gm, '') : heredoc.content
}

function lenient(text: string, rawQuotes: boolean): readonly string[] {
  return attempt(() => expand(text, none, { rawQuotes, keepUnset: true }).words)
}

/** A line that the expander does not understand (an odd quote in a shell script) announces nothing. */
function attempt(words: () => readonly string[]): readonly string[] {
  try {
    return words()
  } catch (error) {
    if (error instanceof CairnError) return []
    throw error
  }
}

function quotes(text: string): number {
  return text.replace(/[^'"]/g, '').length
}
