import { fail, text as decode, type SourceLocation } from '#base'
import { locate } from '../location.ts'
import { DirectiveBlock } from './directive.ts'
import { marksOf } from './heredoc.ts'
import { chomp, continued, isBlank, isComment, LogicalLine, splitLines, trimmedBounds } from './lines.ts'
import { BLANKS, trim, trimStart } from './space.ts'
import type { Dockerfile, Escape, Heredoc, Range, Statement } from './syntax.ts'
import { jsonStrings, leadingFlags } from './words.ts'

/**
 * Dockerfile text to statements. Knows lines, comments, continuations, directives, flags and heredocs, but no
 * instruction's arguments. `invalid_argument` with a location for what cannot be read, a file without any
 * instruction included.
 */
export function parseDockerfile(source: string | Uint8Array, file = 'Dockerfile'): Dockerfile {
  return new Parser(typeof source === 'string' ? source : decode(source), file).parse()
}

/** Instructions that may carry heredocs; in ONBUILD, its trigger may. */
const WITH_HEREDOC = new Set(['ADD', 'COPY', 'RUN'])

class Parser {
  readonly #file: string
  readonly #lines: readonly string[]
  /** Without their ends; with an empty one behind the last line end. */
  readonly #bare: readonly string[]
  /** Index of the next line to read. */
  #next = 0
  readonly #directives: DirectiveBlock
  readonly #statements: Statement[] = []
  #comments: string[] = []
  /** Of the statement that is being read. */
  #emptyContinuations: readonly SourceLocation[] = []

  constructor(source: string, file: string) {
    this.#file = file
    this.#lines = splitLines(source.startsWith('\uFEFF') ? source.slice(1) : source)
    this.#bare = [...this.#lines.map(chomp), ...(source.endsWith('\n') ? [''] : [])]
    this.#directives = new DirectiveBlock((message, line) => this.#fail(message, line, line))
  }

  parse(): Dockerfile {
    while (this.#next < this.#lines.length) this.#line()
    if (this.#statements.length === 0)
      fail('invalid_argument', 'the Dockerfile has no instructions', { location: { file: this.#file, line: 1 } })
    return {
      file: this.#file,
      escape: this.#escape,
      directives: this.#directives.found,
      statements: this.#statements,
      lines: this.#bare,
    }
  }

  get #escape(): Escape {
    return this.#directives.escape
  }

  /** One line at the top level: a directive, a comment, nothing, or the beginning of a statement. */
  #line(): void {
    const raw = chomp(this.#lines[this.#next]!)
    const line = trimStart(raw)
    this.#next++
    const isDirective = this.#directives.read(line, this.#next, raw.length - line.length)
    if (line.startsWith('#')) {
      if (isDirective) return
      const comment = trim(line.slice(1))
      if (comment === '') this.#comments = []
      else this.#comments.push(comment)
      return
    }
    if (line === '') return
    this.#statement(line, raw.length - line.length)
  }

  #statement(firstLine: string, cut: number): void {
    const first = this.#next
    const logical = new LogicalLine()
    let rest = continued(firstLine, this.#escape)
    logical.add(rest ?? firstLine, first, cut)
    let skippedBlank = false
    while (rest !== undefined && this.#next < this.#lines.length) {
      const line = chomp(this.#lines[this.#next]!)
      this.#next++
      if (isComment(line)) continue
      if (isBlank(line)) {
        skippedBlank = true
        continue
      }
      rest = continued(line, this.#escape)
      logical.add(rest ?? line, this.#next, 0)
    }
    this.#emptyContinuations = skippedBlank ? [this.#location(this.#next, this.#next)] : []
    const bounds = trimmedBounds(logical.text)
    this.#statements.push(this.#build(logical, bounds, first, this.#comments))
    this.#comments = []
  }

  /** A statement from a part of the logical line; reads its heredocs from the lines that follow. */
  #build(
    logical: LogicalLine,
    [start, end]: readonly [number, number],
    first: number,
    comments: readonly string[],
    inTrigger = false,
  ): Statement {
    const text = logical.text.slice(start, end)
    const keyword = text.split(BLANKS, 1)[0]!
    const name = keyword.toUpperCase()
    const after = text.slice(keyword.length)
    const { flags, rest } = leadingFlags(after, this.#escape)
    const base = start + keyword.length
    const [argsStart, argsEnd] = trimmedBounds(after, rest)
    const args = after.slice(argsStart, argsEnd)
    const trigger =
      name === 'ONBUILD' && args !== '' && !inTrigger
        ? this.#build(logical, [base + argsStart, base + argsEnd], first, [], true)
        : undefined
    const heredocs =
      trigger?.heredocs ??
      (WITH_HEREDOC.has(name) && jsonStrings(args) === undefined ? this.#heredocs(logical.text, first) : [])
    return {
      keyword,
      name,
      text,
      args,
      heredocs,
      comments,
      emptyContinuations: this.#emptyContinuations,
      ...(trigger ? { trigger } : {}),
      flags: flags.map((flag) => ({ ...cutFlag(flag.text), range: logical.range(base + flag.start, base + flag.end) })),
      range: this.#whole(logical.range(start, end), heredocs),
      keywordRange: logical.range(start, start + keyword.length),
      argsRange: (from, to) => logical.range(base + argsStart + from, base + argsStart + to),
      location: this.#location(first, this.#next),
    }
  }

  #heredocs(line: string, first: number): Heredoc[] {
    return marksOf(line).map((mark) => {
      const start = this.#next
      let content = ''
      while (this.#next < this.#lines.length) {
        const raw = this.#lines[this.#next]!
        this.#next++
        const bare = chomp(raw)
        if ((mark.stripTabs ? bare.replace(/^\t+/, '') : bare) === mark.name) {
          const range = { start: { line: start + 1, character: 0 }, end: { line: this.#next, character: 0 } }
          return { ...mark, content, range }
        }
        content += raw
      }
      return this.#fail(`unterminated heredoc: no line reads ${JSON.stringify(mark.name)}`, first, first)
    })
  }

  /** The range of the instruction extended over its heredocs' last delimiter. */
  #whole(range: Range, heredocs: readonly Heredoc[]): Range {
    const last = heredocs.at(-1)
    if (!last) return range
    const line = last.range.end.line
    return { start: range.start, end: { line, character: chomp(this.#lines[line - 1] ?? '').length } }
  }

  #location(first: number, last: number): SourceLocation {
    return locate(this.#file, this.#bare, { first, last: Math.max(first, last) })
  }

  #fail(message: string, first: number, last: number): never {
    fail('invalid_argument', message, { location: this.#location(first, last) })
  }
}

function cutFlag(text: string): { readonly name: string; readonly value?: string } {
  const equals = text.indexOf('=')
  return equals < 0 ? { name: text.slice(2) } : { name: text.slice(2, equals), value: text.slice(equals + 1) }
}
