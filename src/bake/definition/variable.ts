import { fail } from '#base'
import { csvRows } from '../functions/encoding.ts'
import { evaluate, type Scope } from '../hcl/evaluate.ts'
import { failAt, locate, type Place } from '../hcl/source.ts'
import type { Block, Expression } from '../hcl/syntax.ts'
import { conform, typeName, typeOf, type Type } from '../hcl/type.ts'
import { asBool, asNumber, asText, isMap, type Value } from '../hcl/value.ts'

export interface VariableSources {
  readonly scope: Scope
  /** Told of what means nothing. */
  readonly ignore: (at: Place, what: string, hint?: string) => void
  /** The caller's value for a name. */
  readonly override?: ((name: string) => string | undefined) | undefined
  /** A file's `NAME = …`, which goes before the block's own default. */
  readonly default?: () => Value
}

const ATTRIBUTES = ['default', 'type', 'description']

/** What a variable comes to: the caller's value, else its default; of its type, and valid. */
export function variableValue(block: Block, sources: VariableSources): Value {
  const name = block.labels[0]!
  for (const { name: attribute, at } of block.body.attributes)
    if (!ATTRIBUTES.includes(attribute))
      sources.ignore(at, `a variable has no ${JSON.stringify(attribute)}`, ATTRIBUTES.join(', '))
  const declared = attributeOf(block, 'type')
  const type = declared && typeOf(declared)
  const standard = (): Value => {
    const expression = attributeOf(block, 'default')
    const value = sources.default?.() ?? (expression ? evaluate(expression, sources.scope) : null)
    if (!type || value === null) return value
    return conform(value, type) ?? failAt(block.at, `the default of ${name} is no ${typeName(type)}`)
  }
  const value = given(name, type, sources, standard, block) ?? standard()
  validate(block, name, value, sources)
  return value
}

/** As written, for listings. */
export function typeText(block: Block): string | undefined {
  const type = attributeOf(block, 'type')
  return type && typeName(typeOf(type))
}

export function descriptionOf(block: Block, scope: Scope): string | undefined {
  const expression = attributeOf(block, 'description')
  return expression && asText(evaluate(expression, scope))
}

function attributeOf(block: Block, name: string): Expression | undefined {
  return block.body.attributes.find((attribute) => attribute.name === name)?.value
}

function given(
  name: string,
  type: Type | undefined,
  { override }: VariableSources,
  standard: () => Value,
  block: Block,
): Value | undefined {
  const json = override?.(`${name}_JSON`)
  if (json !== undefined && type) return fromJson(name, json, type)
  const text = override?.(name)
  if (text === undefined) return undefined
  const value = type ? fromText(text, type) : like(text, standard(), name, block)
  if (value === undefined)
    fail(
      'invalid_argument',
      `the value ${JSON.stringify(text)} given for ${name} is no ${type ? typeName(type) : 'value of its kind'}`,
      {
        location: locate(block.at),
      },
    )
  return value
}

/** Without a type, the default tells. */
function like(text: string, standard: Value, name: string, block: Block): Value | undefined {
  if (typeof standard === 'boolean') return asBool(text)
  if (typeof standard === 'number') return asNumber(text)
  if (standard === null || typeof standard === 'string') return text
  return failAt(
    block.at,
    `${name} cannot be overridden: its default is a list or an object, and it has no type`,
    'give it a type',
  )
}

function fromJson(name: string, json: string, type: Type): Value {
  let parsed: Value
  try {
    parsed = JSON.parse(json) as Value
  } catch {
    return fail('invalid_argument', `${name}_JSON is not JSON`)
  }
  return conform(parsed, type) ?? fail('invalid_argument', `${name}_JSON is no ${typeName(type)}`)
}

/** Lists are comma-separated values; maps and objects are such of `key=value`. */
function fromText(text: string, type: Type): Value | undefined {
  if (type.kind === 'string' || type.kind === 'number' || type.kind === 'bool' || type.kind === 'any')
    return conform(text, type)
  let fields: readonly string[]
  try {
    fields = text === '' ? [] : (csvRows(text)[0] ?? [])
  } catch {
    return undefined
  }
  if (type.kind !== 'map' && type.kind !== 'object') return conform(fields, type)
  const pairs = fields.map(
    (field) => [field.slice(0, field.indexOf('=')), field.slice(field.indexOf('=') + 1)] as const,
  )
  return fields.every((field) => field.includes('=')) ? conform(Object.fromEntries(pairs), type) : undefined
}

function validate(block: Block, name: string, value: Value, { scope, ignore }: VariableSources): void {
  for (const rule of block.body.blocks) {
    if (rule.type !== 'validation') {
      ignore(rule.at, `a variable has no block ${JSON.stringify(rule.type)}`, 'validation')
      continue
    }
    const condition = attributeOf(rule, 'condition') ?? failAt(rule.at, 'a validation needs a condition')
    const inner: Scope = {
      variable: (asked) => (asked === name ? value : scope.variable(asked)),
      call: (asked) => scope.call(asked),
    }
    if (asBool(evaluate(condition, inner)) === true) continue
    const message = attributeOf(rule, 'error_message')
    failAt(rule.at, (message && asText(evaluate(message, inner))) || `the value of ${name} is invalid`)
  }
}

export function shown(value: Value): string | undefined {
  return value === null ? undefined : (asText(value) ?? JSON.stringify(isMap(value) ? { ...value } : value))
}
