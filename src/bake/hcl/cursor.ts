import { failAt, type Place, type Source } from './source.ts'

const IDENTIFIER = /[\p{ID_Start}_][\p{ID_Continue}-]*/uy
const BLANK = /(?:[ \t\r]|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\/)+/y
const BLANK_LINES = /(?:[ \t\r\n]|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\/)+/y
/** Deeper nesting is an attack on the stack, not a configuration. */
const DEPTH = 200

/** Reads a file from its start to its end. */
export class Cursor {
  readonly source: Source
  offset: number
  readonly end: number
  /** Inside brackets line ends mean nothing. */
  #brackets = 0
  #depth = 0

  constructor(source: Source, offset = 0, end: number = source.text.length) {
    this.source = source
    this.offset = offset
    this.end = end
  }

  get place(): Place {
    return { source: this.source, offset: this.offset }
  }

  get atEnd(): boolean {
    return this.offset >= this.end
  }

  peek(length = 1): string {
    return this.source.text.slice(this.offset, Math.min(this.end, this.offset + length))
  }

  next(): string {
    return this.source.text[this.offset++] ?? ''
  }

  /** Passes over blanks and comments; over line ends too where they mean nothing. */
  blank(): void {
    this.match(this.#brackets > 0 ? BLANK_LINES : BLANK)
  }

  /** The same where line ends mean nothing in any case. */
  blankLines(): void {
    this.match(BLANK_LINES)
  }

  /** What a sticky pattern finds here; passes over it. */
  match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.offset
    const found = pattern.exec(this.source.text)?.[0]
    if (found === undefined || this.offset + found.length > this.end) return undefined
    this.offset += found.length
    return found
  }

  /** Passes over this text when it comes next. */
  take(text: string): boolean {
    if (this.peek(text.length) !== text) return false
    this.offset += text.length
    return true
  }

  expect(text: string, after: string): void {
    if (!this.take(text)) this.fail(`expected ${JSON.stringify(text)} after ${after}, found ${this.found()}`)
  }

  identifier(): string | undefined {
    return this.match(IDENTIFIER)
  }

  /** Reads what stands between brackets, the closing one included. */
  bracketed<T>(close: string, what: string, read: () => T, lines = true): T {
    const outer = this.#brackets
    this.#brackets = lines ? outer + 1 : 0
    const value = this.nested(read)
    this.blankLines()
    this.#brackets = outer
    this.expect(close, what)
    return value
  }

  nested<T>(read: () => T): T {
    if (++this.#depth > DEPTH) this.fail('nested too deeply')
    const value = read()
    this.#depth--
    return value
  }

  /** For messages: what comes next. */
  found(): string {
    if (this.atEnd) return 'the end'
    return this.peek() === '\n' ? 'the end of the line' : JSON.stringify(this.peek(12).split('\n')[0])
  }

  fail(message: string): never {
    failAt(this.place, message)
  }
}
