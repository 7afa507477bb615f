import { fail, messageOf } from '#base'
import { Cursor } from './cursor.ts'
import { expression, wholeTemplate } from './expression.ts'
import { failAt, type Place, type Source } from './source.ts'
import type { Attribute, Block, Body, Expression } from './syntax.ts'

/** Which members of a JSON object are blocks, how many labels those have, and what is in them. */
export interface Shape {
  readonly [type: string]: { readonly labels: 0 | 1; readonly inner?: Shape; readonly expressions?: readonly string[] }
}

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/**
 * Reads HCL's JSON form, in which every string is a template.
 * https://github.com/hashicorp/hcl/blob/main/json/spec.md
 */
export function parseJson(source: Source, shape: Shape): Body {
  let json: Json
  try {
    json = JSON.parse(source.text) as Json
  } catch (error) {
    return fail(
      'invalid_argument',
      `${source.name} is not JSON: ${messageOf(error).replace(/^JSON Parse error: /, '')}`,
    )
  }
  return bodyOf(json, new Reader(source), shape, [])
}

/** Finds again where a text of the file stands: JSON.parse forgets it. */
class Reader {
  readonly #source: Source

  constructor(source: Source) {
    this.#source = source
  }

  place(text: string): Place {
    const offset = this.#source.text.indexOf(JSON.stringify(text))
    return { source: this.#source, offset: Math.max(0, offset) }
  }

  /** A cursor over the text alone whose messages name its line in the file. */
  cursor(text: string): Cursor {
    const line = this.#source.text.slice(0, this.place(text).offset).split('\n').length
    return new Cursor({ name: this.#source.name, text, line })
  }
}

function bodyOf(json: Json, reader: Reader, shape: Shape, expressions: readonly string[]): Body {
  const attributes: Attribute[] = []
  const blocks: Block[] = []
  // A body may be split into several objects.
  for (const object of Array.isArray(json) ? (json as readonly Json[]) : [json])
    for (const [name, value] of Object.entries(objectOf(object, reader))) {
      const at = reader.place(name)
      const block = Object.hasOwn(shape, name) ? shape[name] : undefined
      if (block) blocks.push(...blocksOf(name, value, reader, block))
      else if (!name.startsWith('//'))
        attributes.push({ name, at, value: valueOf(value, reader, at, expressions.includes(name)) })
    }
  return { attributes, blocks }
}

function blocksOf(type: string, json: Json, reader: Reader, shape: Shape[string]): Block[] {
  const make = (labels: readonly string[], value: Json): Block => ({
    type,
    labels,
    at: reader.place(labels[0] ?? type),
    body: bodyOf(value, reader, shape.inner ?? {}, shape.expressions ?? []),
  })
  const all = Array.isArray(json) ? (json as readonly Json[]) : [json]
  if (shape.labels === 0) return all.map((value) => make([], value))
  return all.flatMap((object) =>
    Object.entries(objectOf(object, reader)).flatMap(([label, value]) =>
      (Array.isArray(value) ? (value as readonly Json[]) : [value]).map((one) => make([label], one)),
    ),
  )
}

function objectOf(json: Json, reader: Reader): { readonly [key: string]: Json } {
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as { readonly [key: string]: Json }
  return failAt(
    reader.place(typeof json === 'string' ? json : ''),
    `expected a JSON object, not ${JSON.stringify(json)}`,
  )
}

function valueOf(json: Json, reader: Reader, at: Place, isExpression = false): Expression {
  if (typeof json === 'string') return isExpression ? whole(reader.cursor(json)) : wholeTemplate(reader.cursor(json))
  if (json === null || typeof json !== 'object') return { kind: 'literal', at, value: json }
  if (Array.isArray(json))
    return { kind: 'tuple', at, items: (json as readonly Json[]).map((item) => valueOf(item, reader, at)) }
  return {
    kind: 'object',
    at,
    items: Object.entries(json).map(
      ([key, value]) => [wholeTemplate(reader.cursor(key)), valueOf(value, reader, at)] as const,
    ),
  }
}

function whole(cursor: Cursor): Expression {
  cursor.blankLines()
  const value = expression(cursor)
  cursor.blankLines()
  if (!cursor.atEnd) cursor.fail(`expected the end, found ${cursor.found()}`)
  return value
}
