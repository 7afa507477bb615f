import { Cursor } from './cursor.ts'
import { expression, label } from './expression.ts'
import { failAt, type Place, type Source } from './source.ts'
import type { Attribute, Block, Body } from './syntax.ts'

/** Reads a file in HCL's native syntax. */
export function parseHcl(source: Source): Body {
  const cursor = new Cursor(source)
  cursor.take('\ufeff')
  return body(cursor, () => cursor.atEnd)
}

function body(cursor: Cursor, ends: () => boolean): Body {
  const attributes: Attribute[] = []
  const blocks: Block[] = []
  for (;;) {
    cursor.blankLines()
    if (ends()) return { attributes, blocks }
    const at = cursor.place
    const name = cursor.identifier()
    if (name === undefined) return cursor.fail(`expected an attribute or a block, found ${cursor.found()}`)
    const attribute = attributeAfter(cursor, name, at)
    if (!attribute) blocks.push(block(cursor, name, at))
    else if (attributes.some((other) => other.name === name)) failAt(at, `${name} is set twice`)
    else attributes.push(attribute)
    lineEnd(cursor)
  }
}

function attributeAfter(cursor: Cursor, name: string, at: Place): Attribute | undefined {
  cursor.blank()
  if (cursor.peek(2) === '==' || !cursor.take('=')) return undefined
  cursor.blank()
  return { name, at, value: expression(cursor) }
}

/** A block on one line has one attribute, or none. */
function oneLine(cursor: Cursor): Body | undefined {
  cursor.blank()
  if (cursor.atEnd || cursor.peek() === '\n' || cursor.peek() === '\r') return undefined
  if (cursor.peek() === '}') return { attributes: [], blocks: [] }
  const at = cursor.place
  const name = cursor.identifier()
  const attribute = name === undefined ? undefined : attributeAfter(cursor, name, at)
  if (!attribute) return cursor.fail(`a block on one line has one attribute, found ${cursor.found()}`)
  cursor.blank()
  if (cursor.peek() !== '}')
    cursor.fail(`a block on one line has one attribute and ends there, found ${cursor.found()}`)
  return { attributes: [attribute], blocks: [] }
}

function block(cursor: Cursor, type: string, at: Place): Block {
  const labels: string[] = []
  for (;;) {
    cursor.blank()
    if (cursor.take('{')) break
    const next = cursor.take('"') ? label(cursor) : cursor.identifier()
    if (next === undefined)
      return cursor.fail(`expected "=" or "{" after ${JSON.stringify(type)}, found ${cursor.found()}`)
    labels.push(next)
  }
  const inner = cursor.nested(() => oneLine(cursor) ?? body(cursor, () => cursor.atEnd || cursor.peek() === '}'))
  cursor.expect('}', `the block ${JSON.stringify(type)}`)
  return { type, labels, at, body: inner }
}

function lineEnd(cursor: Cursor): void {
  cursor.blank()
  if (!cursor.atEnd && cursor.peek() !== '\n' && cursor.peek() !== '\r')
    cursor.fail(`expected the end of the line, found ${cursor.found()}`)
}
