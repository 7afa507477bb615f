import type { HclFunction } from '../hcl/evaluate.ts'
import { asBool, asNumber, asText, isList, isMap, kindOf, type Value, type ValueMap } from '../hcl/value.ts'

/** What a parameter takes, and how a value becomes that. */
export interface Parameter<T> {
  readonly name: string
  readonly of: (value: Value) => T | undefined
}

const parameter = <T>(name: string, of: (value: Value) => T | undefined): Parameter<T> => ({ name, of })

export const text: Parameter<string> = parameter('string', asText)
export const number: Parameter<number> = parameter('number', asNumber)
export const bool: Parameter<boolean> = parameter('bool', asBool)
export const list: Parameter<readonly Value[]> = parameter('list', (value) => (isList(value) ? value : undefined))
export const map: Parameter<ValueMap> = parameter('object', (value) => (isMap(value) ? value : undefined))
export const anything: Parameter<Value> = parameter('value', (value) => value)
export const texts: Parameter<readonly string[]> = parameter('list of strings', (value) => {
  if (!isList(value)) return undefined
  const all = value.map(asText)
  return all.every((item) => item !== undefined) ? all : undefined
})

type Types<P extends readonly Parameter<unknown>[]> = {
  [K in keyof P]: P[K] extends Parameter<infer T> ? T : never
}

/** The same, where the last ones may be missing. */
type Maybe<P extends readonly Parameter<unknown>[]> = { [K in keyof P]: Types<P>[K] | undefined }

/** A function whose arguments are checked and converted. `rest` takes all further ones. */
export function define<const P extends readonly Parameter<unknown>[], R = never>(
  parameters: P,
  body: (...args: [...Types<P>, ...R[]]) => Value,
  rest?: Parameter<R>,
): HclFunction {
  return (...args) => {
    if (args.length < parameters.length || (!rest && args.length > parameters.length))
      throw new Error(`takes ${parameters.length}${rest ? ' or more' : ''} arguments, not ${args.length}`)
    const values = args.map((value, i) => converted(value, parameters[i] ?? rest!, i))
    return body(...(values as [...Types<P>, ...R[]]))
  }
}

/** The same with arguments at the end that may be missing. */
export function optional<const P extends readonly Parameter<unknown>[]>(
  required: number,
  parameters: P,
  body: (...args: Maybe<P>) => Value,
): HclFunction {
  return (...args) => {
    if (args.length < required || args.length > parameters.length)
      throw new Error(`takes ${required} to ${parameters.length} arguments, not ${args.length}`)
    const values = args.map((value, i) => converted(value, parameters[i]!, i))
    return body(...(values as Maybe<P>))
  }
}

function converted<T>(value: Value, { name, of }: Parameter<T>, i: number): T {
  const found = of(value)
  if (found === undefined) throw new Error(`argument ${i + 1} must be a ${name}, not ${kindOf(value)}`)
  return found
}
