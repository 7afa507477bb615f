import { Cursor } from './cursor.ts'
import { expression, label } from './expression.ts'
import type { Source } from './source.ts'
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
    cursor.blank(true)
    if (ends()) return { attributes, blocks }
    const at = cursor.place
    const name = cursor.identifier()
    if (name === undefined) return cursor.fail(`expected an attribute or a block, found ${cursor.found()}`)
    cursor.blank()
    if (cursor.peek(2) !== '==' && cursor.take('=')) {
      cursor.blank()
      attributes.push({ name, at, value: expression(cursor) })
    } else blocks.push(block(cursor, name, at))
    lineEnd(cursor)
  }
}

function block(cursor: Cursor, type: string, at: Block['at']): Block {
  const labels: string[] = []
  for (;;) {
    cursor.blank()
    if (cursor.take('{')) break
    const next = cursor.take('"') ? label(cursor) : cursor.identifier()
    if (next === undefined)
      return cursor.fail(`expected "=" or "{" after ${JSON.stringify(type)}, found ${cursor.found()}`)
    labels.push(next)
  }
  const inner = cursor.nested(() => body(cursor, () => cursor.atEnd || cursor.peek() === '}'))
  cursor.expect('}', `the block ${JSON.stringify(type)}`)
  return { type, labels, at, body: inner }
}

function lineEnd(cursor: Cursor): void {
  cursor.blank()
  if (!cursor.atEnd && cursor.peek() !== '\n' && cursor.peek() !== '}')
    cursor.fail(`expected the end of the line, found ${cursor.found()}`)
}
