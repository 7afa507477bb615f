import { CairnError, messageOf } from '#base'
import { failAt, locate, type Place } from './source.ts'
import { conform, typeName, typeOf } from './type.ts'
import type { BinaryOperator, Expression, ForExpression } from './syntax.ts'
import { asBool, asNumber, asText, equal, isList, isMap, kindOf, member, type Value } from './value.ts'

/** What names mean while an expression is evaluated. */
export interface Scope {
  /** Undefined when nothing has this name. */
  variable(name: string): Value | undefined
  call(name: string): HclFunction | undefined
  /** For suggestions. */
  names?(): readonly string[]
}

/** Throws a plain error to say what is wrong with its arguments; where, the evaluator knows. */
export type HclFunction = (...args: readonly Value[]) => Value

export function evaluate(expression: Expression, scope: Scope): Value {
  switch (expression.kind) {
    case 'literal':
      return expression.value
    case 'template':
      return expression.parts.map((part) => textOf(part, scope)).join('')
    case 'variable':
      return variable(expression, scope)
    case 'element':
      return scope.variable('*') ?? null
    case 'index':
      return index(evaluate(expression.of, scope), evaluate(expression.key, scope), expression.at)
    case 'splat':
      return splat(evaluate(expression.of, scope), expression.each, scope)
    case 'tuple':
      return expression.items.map((item) => evaluate(item, scope))
    case 'object':
      return Object.fromEntries(
        expression.items.map(([key, value]) => [textOf(key, scope), evaluate(value, scope)] as const),
      )
    case 'call':
      return call(expression, scope)
    case 'not':
      return !boolOf(expression.of, scope)
    case 'negate':
      return -numberOf(expression.of, scope)
    case 'binary':
      return binary(expression.operator, expression.left, expression.right, scope)
    case 'choice':
      return evaluate(boolOf(expression.if, scope) ? expression.whenTrue : expression.whenFalse, scope)
    case 'for':
      return loop(expression, scope)
  }
}

function variable({ name, at }: Extract<Expression, { kind: 'variable' }>, scope: Scope): Value {
  const value = scope.variable(name)
  if (value !== undefined) return value
  const known = scope.names?.() ?? []
  return failAt(
    at,
    `there is no variable named ${JSON.stringify(name)}`,
    known.length > 0 ? `known: ${known.join(', ')}` : undefined,
  )
}

function textOf(expression: Expression, scope: Scope): string {
  const value = evaluate(expression, scope)
  return asText(value) ?? failAt(expression.at, `${kindOf(value)} cannot be put into a text`)
}

function boolOf(expression: Expression, scope: Scope): boolean {
  const value = evaluate(expression, scope)
  return asBool(value) ?? failAt(expression.at, `expected a bool, not ${kindOf(value)}`)
}

function numberOf(expression: Expression, scope: Scope): number {
  const value = evaluate(expression, scope)
  return asNumber(value) ?? failAt(expression.at, `expected a number, not ${kindOf(value)}`)
}

function index(of: Value, key: Value, at: Place): Value {
  if (isMap(of)) {
    const name = asText(key) ?? failAt(at, `${kindOf(key)} is no key of an object`)
    const value = member(of, name)
    return value === undefined ? failAt(at, `the object has no ${JSON.stringify(name)}`) : value
  }
  if (!isList(of)) return failAt(at, `${kindOf(of)} has no members`)
  const number = asNumber(key)
  if (number === undefined) return failAt(at, `a list is indexed by a number, not ${kindOf(key)}`)
  const item = of[number]
  return item === undefined ? failAt(at, `the list has ${of.length} items and none at ${number}`) : item
}

function splat(of: Value, each: Expression, scope: Scope): Value {
  const items = of === null ? [] : isList(of) ? of : [of]
  return items.map((item) => evaluate(each, withNames(scope, { '*': item })))
}

function call({ name, args, spread, at }: Extract<Expression, { kind: 'call' }>, scope: Scope): Value {
  // These decide themselves which of their arguments are evaluated.
  if (name === 'try') return tried(args, scope, at)
  if (name === 'can' && args[0]) return succeeds(args[0], scope)
  if (name === 'convert' && args[0] && args[1]) return converted(evaluate(args[0], scope), args[1])
  const found = scope.call(name) ?? failAt(at, `there is no function named ${JSON.stringify(name)}`)
  const values = args.map((arg) => evaluate(arg, scope))
  const last = values.at(-1)
  if (spread && (last === undefined || !isList(last))) failAt(at, 'only a list can be spread with "..."')
  try {
    return found(...(spread ? [...values.slice(0, -1), ...(last as readonly Value[])] : values))
  } catch (error) {
    if (error instanceof CairnError && error.location) throw error
    throw new CairnError('invalid_argument', `${name}(): ${messageOf(error)}`, { location: locate(at) })
  }
}

function converted(value: Value, to: Expression): Value {
  const type = typeOf(to)
  return conform(value, type) ?? failUnlessNull(value, `${kindOf(value)} cannot become ${typeName(type)}`, to.at)
}

function failUnlessNull(value: Value, message: string, at: Place): null {
  if (value !== null) failAt(at, message)
  return null
}

function tried(args: readonly Expression[], scope: Scope, at: Place): Value {
  let last: unknown
  for (const arg of args) {
    try {
      return evaluate(arg, scope)
    } catch (error) {
      last = error
    }
  }
  return failAt(at, `try(): no argument can be evaluated: ${messageOf(last)}`)
}

function succeeds(arg: Expression, scope: Scope): boolean {
  try {
    evaluate(arg, scope)
    return true
  } catch {
    return false
  }
}

function binary(operator: BinaryOperator, left: Expression, right: Expression, scope: Scope): Value {
  const arithmetic = ARITHMETIC[operator]
  if (arithmetic) {
    const [a, b] = [numberOf(left, scope), numberOf(right, scope)]
    if (b === 0 && (operator === '/' || operator === '%')) failAt(right.at, 'division by zero')
    return arithmetic(a, b)
  }
  switch (operator) {
    case '||':
      return boolOf(left, scope) || boolOf(right, scope)
    case '&&':
      return boolOf(left, scope) && boolOf(right, scope)
    case '!=':
      return !equal(evaluate(left, scope), evaluate(right, scope))
    default:
      return equal(evaluate(left, scope), evaluate(right, scope))
  }
}

const ARITHMETIC: Partial<Record<BinaryOperator, (a: number, b: number) => Value>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
  '<': (a, b) => a < b,
  '>': (a, b) => a > b,
  '<=': (a, b) => a <= b,
  '>=': (a, b) => a >= b,
}

function loop(expression: ForExpression, scope: Scope): Value {
  const rounds = entries(evaluate(expression.in, scope), expression.in.at)
    .map(([key, value]) =>
      withNames(scope, {
        [expression.valueName]: value,
        ...(expression.keyName === undefined ? {} : { [expression.keyName]: key }),
      }),
    )
    .filter((inner) => expression.if === undefined || boolOf(expression.if, inner))
  if (expression.makes === 'text') return rounds.map((inner) => textOf(expression.value, inner)).join('')
  if (expression.makes === 'tuple') return rounds.map((inner) => evaluate(expression.value, inner))
  return gathered(expression, rounds)
}

function gathered(expression: ForExpression, rounds: readonly Scope[]): Value {
  const out = new Map<string, Value>()
  for (const inner of rounds) {
    const key = textOf(expression.key!, inner)
    const value = evaluate(expression.value, inner)
    if (expression.group) out.set(key, [...((out.get(key) as readonly Value[] | undefined) ?? []), value])
    else if (out.has(key))
      failAt(expression.at, `two items have the key ${JSON.stringify(key)}`, 'gather them with "..."')
    else out.set(key, value)
  }
  return Object.fromEntries(out)
}

function entries(of: Value, at: Place): readonly (readonly [Value, Value])[] {
  if (isList(of)) return of.map((item, i) => [i, item] as const)
  // Objects are walked in the order of their keys.
  if (isMap(of))
    return Object.keys(of)
      .sort()
      .map((key) => [key, of[key]!] as const)
  return failAt(at, `${kindOf(of)} has no items`)
}

/** A scope with a few more names. */
export function withNames(outer: Scope, names: Readonly<Record<string, Value>>): Scope {
  return {
    variable: (name) => (Object.hasOwn(names, name) ? names[name] : outer.variable(name)),
    call: (name) => outer.call(name),
    names: () => [...Object.keys(names), ...(outer.names?.() ?? [])],
  }
}
