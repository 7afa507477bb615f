import { failAt } from './source.ts'
import type { Expression } from './syntax.ts'
import { asBool, asNumber, asSet, asText, isList, isMap, type Value } from './value.ts'

/** A type constraint. https://github.com/hashicorp/hcl/blob/main/ext/typeexpr/README.md */
export type Type =
  | { readonly kind: 'string' | 'number' | 'bool' | 'any' }
  | { readonly kind: 'list' | 'set' | 'map'; readonly of: Type }
  | { readonly kind: 'tuple'; readonly items: readonly Type[] }
  | {
      readonly kind: 'object'
      readonly members: ReadonlyMap<string, { readonly type: Type; readonly optional: boolean }>
    }

/** Types are written as words and calls, and mean nothing outside of `type =` and convert(). */
export function typeOf(expression: Expression): Type {
  if (expression.kind === 'variable') {
    const { name } = expression
    if (name === 'string' || name === 'number' || name === 'bool' || name === 'any') return { kind: name }
  }
  if (expression.kind === 'call') return constructed(expression)
  return failAt(
    expression.at,
    'this is no type',
    'string, number, bool, list(…), set(…), map(…), tuple([…]) or object({…})',
  )
}

function constructed({ name, args, at }: Extract<Expression, { kind: 'call' }>): Type {
  const [arg] = args
  if (args.length !== 1 || !arg) return failAt(at, `the type ${name}() takes one argument`)
  if (name === 'list' || name === 'set' || name === 'map') return { kind: name, of: typeOf(arg) }
  if (name === 'tuple' && arg.kind === 'tuple') return { kind: 'tuple', items: arg.items.map(typeOf) }
  if (name === 'object' && arg.kind === 'object')
    return { kind: 'object', members: new Map(arg.items.map(([key, type]) => [keyOf(key), memberOf(type)])) }
  return failAt(at, `there is no type ${name}()`)
}

function keyOf(key: Expression): string {
  return key.kind === 'literal' && typeof key.value === 'string'
    ? key.value
    : failAt(key.at, 'the name of a member must be a word')
}

function memberOf(type: Expression): { readonly type: Type; readonly optional: boolean } {
  if (type.kind === 'call' && type.name === 'optional' && type.args[0])
    return { type: typeOf(type.args[0]), optional: true }
  return { type: typeOf(type), optional: false }
}

/** The value as this type, or undefined when it cannot be. Null is of every type. */
export function conform(value: Value, type: Type): Value | undefined {
  if (value === null) return null
  switch (type.kind) {
    case 'any':
      return value
    case 'string':
      return asText(value)
    case 'number':
      return asNumber(value)
    case 'bool':
      return asBool(value)
    case 'list':
      return isList(value) ? whole(value.map((item) => conform(item, type.of))) : undefined
    case 'set': {
      const items = isList(value) ? whole(value.map((item) => conform(item, type.of))) : undefined
      return items && asSet(items)
    }
    case 'tuple':
      return isList(value) && value.length === type.items.length
        ? whole(value.map((item, i) => conform(item, type.items[i]!)))
        : undefined
    case 'map':
      return isMap(value)
        ? members(Object.entries(value).map(([key, item]) => [key, conform(item, type.of)]))
        : undefined
    case 'object':
      return isMap(value) ? objectOf(value, type) : undefined
  }
}

function objectOf(
  value: { readonly [key: string]: Value },
  type: Extract<Type, { kind: 'object' }>,
): Value | undefined {
  const found: [string, Value | undefined][] = []
  for (const [name, { type: inner, optional }] of type.members) {
    if (Object.hasOwn(value, name)) found.push([name, conform(value[name]!, inner)])
    else if (optional) found.push([name, null])
    else return undefined
  }
  return members(found)
}

function whole(items: readonly (Value | undefined)[]): readonly Value[] | undefined {
  return items.every((item) => item !== undefined) ? items : undefined
}

function members(found: readonly (readonly [string, Value | undefined])[]): Value | undefined {
  return found.every(([, value]) => value !== undefined)
    ? Object.fromEntries(found as readonly [string, Value][])
    : undefined
}

/** For messages and listings. */
export function typeName(type: Type): string {
  if (type.kind === 'list' || type.kind === 'set' || type.kind === 'map') return `${type.kind} of ${typeName(type.of)}`
  return type.kind === 'any' ? 'any type' : type.kind
}
