import type { Cursor } from './cursor.ts'
import type { BinaryOperator, Expression, ForExpression } from './syntax.ts'
import type { Place } from './source.ts'
import { heredoc, quoted, quotedText, template, type Grammar } from './template.ts'

/** Loosest first. */
const LEVELS: readonly (readonly BinaryOperator[])[] = [
  ['||'],
  ['&&'],
  ['==', '!='],
  ['<=', '>=', '<', '>'],
  ['+', '-'],
  ['*', '/', '%'],
]
const NUMBER = /\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y

export function expression(cursor: Cursor): Expression {
  return cursor.nested(() => choice(cursor))
}

function choice(cursor: Cursor): Expression {
  const condition = binary(cursor, 0)
  cursor.blank()
  if (!cursor.take('?')) return condition
  cursor.blankLines()
  const whenTrue = expression(cursor)
  cursor.blankLines()
  cursor.expect(':', 'the first result of a condition')
  cursor.blankLines()
  return { kind: 'choice', at: condition.at, if: condition, whenTrue, whenFalse: expression(cursor) }
}

function binary(cursor: Cursor, level: number): Expression {
  const operators = LEVELS[level]
  if (!operators) return unary(cursor)
  let left = binary(cursor, level + 1)
  for (;;) {
    cursor.blank()
    const { place: at } = cursor
    const operator = operators.find((candidate) => cursor.take(candidate))
    if (operator === undefined) return left
    cursor.blankLines()
    left = { kind: 'binary', at, operator, left, right: binary(cursor, level + 1) }
  }
}

function unary(cursor: Cursor): Expression {
  const { place: at } = cursor
  const kind = cursor.peek() === '-' ? 'negate' : cursor.peek() === '!' && cursor.peek(2) !== '!=' ? 'not' : undefined
  if (kind === undefined) return steps(cursor, primary(cursor))
  cursor.next()
  cursor.blank()
  return { kind, at, of: cursor.nested(() => unary(cursor)) }
}

/** `.name`, `.0`, `[key]`, `.*` and `[*]` behind a value. */
function steps(cursor: Cursor, start: Expression): Expression {
  let of = start
  for (;;) {
    const { place: at } = cursor
    // Between brackets a step may begin the next line; elsewhere it must follow at once.
    if (cursor.take('.*')) of = { kind: 'splat', at, of, each: names(cursor, { kind: 'element', at }) }
    else if (cursor.peek(3) !== '...' && cursor.take('.')) of = named(cursor, of, at)
    else if (cursor.take('[')) {
      cursor.blankLines()
      if (cursor.take('*')) {
        cursor.blankLines()
        cursor.expect(']', '"[*"')
        of = { kind: 'splat', at, of, each: steps(cursor, { kind: 'element', at }) }
      } else of = { kind: 'index', at, of, key: cursor.bracketed(']', 'an index', () => expression(cursor)) }
    } else return of
  }
}

function names(cursor: Cursor, start: Expression): Expression {
  let of = start
  for (;;) {
    const { place: at } = cursor
    if (cursor.peek(3) === '...' || !cursor.take('.')) return of
    of = named(cursor, of, at)
  }
}

function named(cursor: Cursor, of: Expression, at: Place): Expression {
  const name = cursor.identifier() ?? cursor.match(/\d+/y)
  if (name === undefined) return cursor.fail(`expected a name after ".", found ${cursor.found()}`)
  return { kind: 'index', at, of, key: { kind: 'literal', at, value: /^\d/.test(name) ? Number(name) : name } }
}

function primary(cursor: Cursor): Expression {
  const { place: at } = cursor
  if (cursor.take('"')) return quoted(cursor, at, grammar)
  if (cursor.peek(2) === '<<') return heredoc(cursor, at, grammar)
  if (cursor.take('(')) {
    return cursor.bracketed(')', 'an expression', () => {
      cursor.blank()
      return expression(cursor)
    })
  }
  if (cursor.take('[')) return cursor.bracketed(']', 'a list', () => tuple(cursor, at))
  if (cursor.take('{')) return cursor.bracketed('}', 'an object', () => object(cursor, at), false)
  const number = cursor.match(NUMBER)
  if (number !== undefined) return { kind: 'literal', at, value: Number(number) }
  const name = cursor.identifier()
  if (name === undefined) return cursor.fail(`expected a value, found ${cursor.found()}`)
  return word(cursor, name, at)
}

function word(cursor: Cursor, name: string, at: Place): Expression {
  if (name === 'true' || name === 'false') return { kind: 'literal', at, value: name === 'true' }
  if (name === 'null') return { kind: 'literal', at, value: null }
  if (!cursor.take('(')) return { kind: 'variable', at, name }
  let spread = false
  const args = cursor.bracketed(')', 'arguments', () =>
    list(cursor, ')', () => {
      const value = expression(cursor)
      cursor.blank()
      spread = cursor.take('...')
      return value
    }),
  )
  return { kind: 'call', at, name, args, spread }
}

/** Items with commas between them, up to a bracket; a last comma is allowed. */
function list<T>(cursor: Cursor, close: string, item: () => T): T[] {
  const items: T[] = []
  for (;;) {
    cursor.blank()
    if (cursor.peek() === close) return items
    items.push(item())
    cursor.blank()
    if (!cursor.take(',')) return items
  }
}

function tuple(cursor: Cursor, at: Place): Expression {
  cursor.blank()
  return forClause(cursor, at, 'tuple') ?? { kind: 'tuple', at, items: list(cursor, ']', () => expression(cursor)) }
}

function object(cursor: Cursor, at: Place): Expression {
  cursor.blankLines()
  const loop = forClause(cursor, at, 'object')
  if (loop) return loop
  const items: (readonly [Expression, Expression])[] = []
  for (;;) {
    cursor.blankLines()
    if (cursor.peek() === '}') return { kind: 'object', at, items }
    const key = objectKey(cursor)
    cursor.blank()
    if (!cursor.take('=') && !cursor.take(':')) cursor.fail(`expected "=" after a key, found ${cursor.found()}`)
    cursor.blankLines()
    items.push([key, expression(cursor)])
    cursor.blank()
    if (!cursor.take(',') && cursor.peek() !== '\n' && cursor.peek() !== '}')
      cursor.fail(`expected a comma, a new line or "}", found ${cursor.found()}`)
  }
}

/** A bare word is the key itself; in parentheses it is an expression. */
function objectKey(cursor: Cursor): Expression {
  const isExpression = cursor.peek() === '('
  const key = expression(cursor)
  return key.kind === 'variable' && !isExpression ? { kind: 'literal', at: key.at, value: key.name } : key
}

/** `for k, v in list : …`, when that comes next. */
function forClause(cursor: Cursor, at: Place, makes: 'tuple' | 'object'): ForExpression | undefined {
  if (cursor.match(/for\b(?!\s*[=:,\]}])/y) === undefined) return undefined
  cursor.blankLines()
  const head = forHead(cursor)
  cursor.blankLines()
  cursor.expect(':', 'the list of a for')
  cursor.blankLines()
  const first = expression(cursor)
  cursor.blankLines()
  const hasKey = cursor.take('=>')
  if (hasKey !== (makes === 'object'))
    cursor.fail(
      makes === 'object' ? 'a for that makes an object needs "key => value"' : 'a for that makes a list has no "=>"',
    )
  if (hasKey) cursor.blankLines()
  const value = hasKey ? expression(cursor) : first
  cursor.blankLines()
  const group = cursor.take('...')
  cursor.blankLines()
  const condition = cursor.match(/if\b/y) === undefined ? undefined : (cursor.blankLines(), expression(cursor))
  return {
    kind: 'for',
    at,
    makes,
    ...head,
    ...(hasKey ? { key: first } : {}),
    value,
    ...(condition ? { if: condition } : {}),
    group,
  }
}

/** `k, v in list`. */
export function forHead(cursor: Cursor): Pick<ForExpression, 'keyName' | 'valueName' | 'in'> {
  const first = cursor.identifier() ?? cursor.fail('expected a name after "for"')
  cursor.blankLines()
  const second = cursor.take(',')
    ? (cursor.blankLines(), cursor.identifier() ?? cursor.fail('expected a second name'))
    : undefined
  cursor.blankLines()
  if (cursor.match(/in\b/y) === undefined) cursor.fail(`expected "in", found ${cursor.found()}`)
  cursor.blankLines()
  return { keyName: second === undefined ? undefined : first, valueName: second ?? first, in: expression(cursor) }
}

const grammar: Grammar = { expression, forHead }

/** A text that is a template as a whole, as JSON's strings are. */
export function wholeTemplate(cursor: Cursor): Expression {
  return template(cursor, grammar)
}

/** What stands in quotes as the label of a block. */
export function label(cursor: Cursor): string {
  return quotedText(cursor, grammar)
}
