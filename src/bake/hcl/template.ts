import { Cursor } from './cursor.ts'
import { failAt, type Place } from './source.ts'
import type { Expression, ForExpression } from './syntax.ts'

/** What templates need of the expressions in them. */
export interface Grammar {
  expression(cursor: Cursor): Expression
  forHead(cursor: Cursor): ForHead
}

type ForHead = Pick<ForExpression, 'keyName' | 'valueName' | 'in'>

/** A line's text or a part of it, a value, or a directive, with the blanks that `~` eats marked. */
interface Piece {
  readonly at: Place
  readonly text?: string
  readonly value?: Expression
  readonly directive?: Directive
  readonly trimBefore?: boolean
  readonly trimAfter?: boolean
}

type Directive =
  | { readonly word: 'if'; readonly condition: Expression }
  | { readonly word: 'for'; readonly head: ForHead }
  | { readonly word: 'else' | 'endif' | 'endfor' }

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\' }

/** A string in quotes, whose opening one has been read. */
export function quoted(cursor: Cursor, at: Place, grammar: Grammar): Expression {
  return assemble(trimmed(pieces(cursor, grammar, '"')), at, true)
}

/** A string in quotes that can only be text: a label. */
export function quotedText(cursor: Cursor, grammar: Grammar): string {
  const { place: at } = cursor
  const value = quoted(cursor, at, grammar)
  return value.kind === 'literal' && typeof value.value === 'string' ? value.value : failAt(at, 'a label has no ${…}')
}

/** A whole text that is a template, as JSON's strings are. */
export function template(cursor: Cursor, grammar: Grammar): Expression {
  const { place: at } = cursor
  return assemble(trimmed(pieces(cursor, grammar)), at, true)
}

/** `<<NAME` or `<<-NAME`, up to a line that holds NAME alone. */
export function heredoc(cursor: Cursor, at: Place, grammar: Grammar): Expression {
  const head = cursor.match(/<<-?[\p{ID_Start}_][\p{ID_Continue}-]*[ \t]*\r?\n/uy)
  if (head === undefined) return cursor.fail('expected a name after "<<"')
  const start = cursor.offset
  const name = head.replace(/^<<-?/, '').trim()
  const rest = cursor.source.text.slice(start, cursor.end)
  const last = new RegExp(`^[ \\t]*${name}[ \\t]*\\r?$`, 'm').exec(rest)
  if (!last) return failAt(at, `the heredoc ${name} has no end`)
  const inner = new Cursor(cursor.source, start, start + last.index)
  const found = pieces(inner, grammar)
  cursor.offset = start + last.index + last[0].replace(/\r$/, '').length
  const lines = trimmed(found)
  return assemble(head.startsWith('<<-') ? outdented(lines) : lines, at, false)
}

/**
 * Without the blanks that all lines begin with. A line begins behind a text that ended one: behind a directive whose
 * `~` took the line's end it does not.
 */
function outdented(found: readonly Piece[]): Piece[] {
  const begins = (i: number): boolean =>
    i === 0 ||
    found
      .slice(0, i)
      .findLast(({ text }) => text !== undefined)
      ?.text?.endsWith('\n') === true
  const starts = found.map((piece, i) => piece.text !== undefined && found[i - 1]?.text !== '' && begins(i))
  const blanks = found.flatMap(({ text = '' }, i) =>
    starts[i] && text !== '\n' ? [/^[ \t]*/.exec(text)![0].length] : [],
  )
  const least = Math.min(...blanks)
  return Number.isFinite(least)
    ? found.map((piece, i) =>
        starts[i]
          ? { ...piece, text: piece.text!.slice(Math.min(least, /^[ \t]*/.exec(piece.text!)![0].length)) }
          : piece,
      )
    : [...found]
}

/** With quotes around it, `\\` escapes; without, the text goes up to the end. */
function pieces(cursor: Cursor, grammar: Grammar, close?: string): Piece[] {
  const out: Piece[] = []
  let text = ''
  let { place: at } = cursor
  const flush = (): void => {
    if (text !== '') out.push({ at, text })
    text = ''
  }
  for (;;) {
    if (cursor.atEnd) {
      if (close !== undefined) failAt(at, 'a string has no end')
      break
    }
    if (close !== undefined && cursor.take(close)) break
    if (close !== undefined && cursor.peek() === '\n') failAt(at, 'a string ends on its own line')
    if (cursor.take('$${') || cursor.take('%%{')) text += cursor.source.text.slice(cursor.offset - 2, cursor.offset)
    else if (cursor.peek(2) === '${' || cursor.peek(2) === '%{') {
      flush()
      out.push(cursor.peek() === '$' ? interpolation(cursor, grammar) : directive(cursor, grammar))
      at = cursor.place
    } else if (close !== undefined && cursor.take('\\')) text += escaped(cursor)
    else if (close === undefined && cursor.take('\n')) {
      text += '\n'
      flush()
      at = cursor.place
    } else text += cursor.next()
  }
  flush()
  return out
}

function escaped(cursor: Cursor): string {
  const letter = cursor.next()
  const known = ESCAPES[letter]
  if (known !== undefined) return known
  const length = letter === 'u' ? 4 : letter === 'U' ? 8 : 0
  const digits = cursor.peek(length)
  const code = Number.parseInt(digits, 16)
  if (length === 0 || digits.length !== length || !/^[0-9a-fA-F]+$/.test(digits) || code > 0x10ffff)
    cursor.fail(`\\${letter} is no escape sequence`)
  cursor.offset += length
  return String.fromCodePoint(code)
}

function interpolation(cursor: Cursor, grammar: Grammar): Piece {
  const { place: at } = cursor
  cursor.offset += 2
  const trimBefore = cursor.take('~')
  let trimAfter = false
  const value = cursor.bracketed('}', 'an interpolation', () => {
    cursor.blank()
    const inner = grammar.expression(cursor)
    cursor.blank()
    trimAfter = cursor.take('~')
    return inner
  })
  return { at, value, trimBefore, trimAfter }
}

function directive(cursor: Cursor, grammar: Grammar): Piece {
  const { place: at } = cursor
  cursor.offset += 2
  const trimBefore = cursor.take('~')
  let trimAfter = false
  const found = cursor.bracketed('}', 'a directive', (): Directive => {
    cursor.blank()
    const word = cursor.identifier()
    cursor.blank()
    const read = directiveOf(cursor, grammar, word)
    cursor.blank()
    trimAfter = cursor.take('~')
    return read
  })
  return { at, directive: found, trimBefore, trimAfter }
}

function directiveOf(cursor: Cursor, grammar: Grammar, word: string | undefined): Directive {
  switch (word) {
    case 'if':
      return { word, condition: grammar.expression(cursor) }
    case 'for':
      return { word, head: grammar.forHead(cursor) }
    case 'else':
    case 'endif':
    case 'endfor':
      return { word }
    default:
      return cursor.fail(`%{${word ?? ''}} is no directive: if, else, endif, for or endfor`)
  }
}

/** One interpolation alone keeps its type; all else becomes text. */
function assemble(found: readonly Piece[], at: Place, unwraps: boolean): Expression {
  const rest = [...found]
  const [only] = rest
  if (unwraps && rest.length === 1 && only?.value) return only.value
  const expressions = sequence(rest, [])
  if (rest.length > 0) failAt(rest[0]!.at, `%{${rest[0]!.directive!.word}} closes nothing`)
  return joined(expressions, at)
}

function joined(parts: readonly Expression[], at: Place): Expression {
  if (parts.length === 0) return { kind: 'literal', at, value: '' }
  const [only] = parts
  if (parts.length === 1 && only?.kind === 'literal') return only
  return { kind: 'template', at, parts }
}

/** Reads pieces off the front up to a directive that ends them; that one stays. */
function sequence(rest: Piece[], ends: readonly Directive['word'][]): Expression[] {
  const parts: Expression[] = []
  for (;;) {
    const piece = rest[0]
    if (!piece) return parts
    const { at, directive: found } = piece
    if (found && (ends.includes(found.word) || (found.word !== 'if' && found.word !== 'for'))) return parts
    rest.shift()
    if (!found) parts.push(piece.value ?? { kind: 'literal', at, value: piece.text ?? '' })
    else if (found.word === 'if') parts.push(conditional(rest, found.condition, at))
    else if (found.word === 'for') {
      const value = joined(sequence(rest, ['endfor']), at)
      closes(rest, 'endfor', at)
      parts.push({ kind: 'for', at, makes: 'text', ...found.head, value, group: false })
    }
  }
}

function conditional(rest: Piece[], condition: Expression, at: Place): Expression {
  const whenTrue = joined(sequence(rest, ['else', 'endif']), at)
  let whenFalse: Expression = { kind: 'literal', at, value: '' }
  if (rest[0]?.directive?.word === 'else') {
    rest.shift()
    whenFalse = joined(sequence(rest, ['endif']), at)
  }
  closes(rest, 'endif', at)
  return { kind: 'choice', at, if: condition, whenTrue, whenFalse }
}

function closes(rest: Piece[], word: Directive['word'], at: Place): void {
  if (rest.shift()?.directive?.word !== word) failAt(at, `a directive lacks its %{${word}}`)
}

/** `~` takes the blanks beside it, up to the end of its line. */
function trimmed(found: readonly Piece[]): Piece[] {
  return found.map((piece, i) => {
    if (piece.text === undefined) return piece
    let { text } = piece
    if (found[i - 1]?.trimAfter) text = text.trimStart()
    if (found[i + 1]?.trimBefore) text = text.trimEnd()
    return { ...piece, text }
  })
}
