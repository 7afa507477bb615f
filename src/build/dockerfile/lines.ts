import type { Escape, Position, Range } from './syntax.ts'
import { isSpace, trimStart } from './space.ts'

/** The lines of a file, each with its line ending. */
export function splitLines(text: string): string[] {
  const lines = text.split('\n')
  const last = lines.pop() ?? ''
  const out = lines.map((line) => `${line}\n`)
  if (last !== '') out.push(last)
  return out
}

/** A line without the `\r` and `\n` at its end. */
export function chomp(line: string): string {
  let end = line.length
  while (end > 0 && (line[end - 1] === '\n' || line[end - 1] === '\r')) end--
  return line.slice(0, end)
}

export function isComment(line: string): boolean {
  return trimStart(line).startsWith('#')
}

export function isBlank(line: string): boolean {
  return trimStart(line) === ''
}

/**
 * The line without the escape character that continues it on the next one, or undefined when it ends here.
 * An escape character that is itself escaped continues nothing.
 */
export function continued(line: string, escape: Escape): string | undefined {
  let end = line.length
  while (end > 0 && (line[end - 1] === ' ' || line[end - 1] === '\t')) end--
  if (line[end - 1] !== escape || line[end - 2] === escape) return undefined
  return line.slice(0, end - 1)
}

/** Physical lines joined to one logical line that still knows where each of its characters came from. */
export class LogicalLine {
  text = ''
  readonly #pieces: { readonly at: number; readonly line: number; readonly character: number }[] = []

  /** `character`: how much of the physical line was cut off before `text`. */
  add(text: string, line: number, character: number): void {
    this.#pieces.push({ at: this.text.length, line, character })
    this.text += text
  }

  /** The range of `text[start, end)` in the file. */
  range(start: number, end: number): Range {
    const first = this.#position(start)
    if (end <= start) return { start: first, end: first }
    const last = this.#position(end - 1)
    return { start: first, end: { line: last.line, character: last.character + 1 } }
  }

  #position(offset: number): Position {
    let piece = this.#pieces[0] ?? { at: 0, line: 1, character: 0 }
    for (const next of this.#pieces) {
      if (next.at > offset) break
      piece = next
    }
    return { line: piece.line, character: piece.character + offset - piece.at }
  }
}

/** Where the text without the white space around it begins and ends. */
export function trimmedBounds(text: string, from = 0, to: number = text.length): readonly [number, number] {
  let start = from
  let end = to
  while (start < end && isSpace(text[start]!)) start++
  while (end > start && isSpace(text[end - 1]!)) end--
  return [start, end]
}
