import { fail } from '#base'
import { standard } from '../functions/standard.ts'
import { evaluate, withNames, type HclFunction, type Scope } from '../hcl/evaluate.ts'
import { failAt, placeName, type Place } from '../hcl/source.ts'
import type { Attribute, Block, Body, Expression } from '../hcl/syntax.ts'
import type { Value, ValueMap } from '../hcl/value.ts'
import type { BakeOptions } from '../types.ts'
import { isField, isName } from './fields.ts'
import { variableValue } from './variable.ts'

const BLOCKS: ReadonlySet<string> = new Set(['target', 'group', 'variable', 'function'])
const FUNCTION: ReadonlySet<string> = new Set(['params', 'variadic_params', 'result'])

/** All files as one: what names mean, each found when it is first asked for. */
export class Workspace implements Scope {
  readonly variables: Map<string, Block> = new Map()
  readonly blocks: Readonly<Record<'target' | 'group', Map<string, Block[]>>> = { target: new Map(), group: new Map() }
  readonly #attributes = new Map<string, Attribute>()
  readonly #functions = new Map<string, HclFunction>()
  readonly #known = new Map<string, Value>()
  readonly #pending = new Set<string>()
  readonly #options: BakeOptions
  readonly #warned = new Set<string>()

  constructor(bodies: readonly Body[], options: BakeOptions) {
    this.#options = options
    for (const body of bodies) {
      for (const attribute of body.attributes) this.#attributes.set(attribute.name, attribute)
      for (const block of body.blocks) this.#add(block)
    }
  }

  variable(name: string): Value | undefined {
    if (name === 'target' || name === 'group') return this.#members(name)
    const known = this.#known.get(name)
    if (known !== undefined) return known
    if (!this.variables.has(name) && !this.#attributes.has(name)) return this.#options.builtins?.[name]
    const place = (this.variables.get(name) ?? this.#attributes.get(name))!.at
    return this.#once(name, place, () => this.#find(name))
  }

  call(name: string): HclFunction | undefined {
    return this.#functions.get(name) ?? standard.get(name)
  }

  /** What buildx passes over in silence: most often it is misspelt. */
  ignore(at: Place, what: string, hint?: string): void {
    const message = `${placeName(at)}: ${what}, which is ignored${hint === undefined ? '' : `: ${hint}`}`
    if (!this.#warned.has(message)) this.#options.warn?.(message)
    this.#warned.add(message)
  }

  names(): readonly string[] {
    return [...new Set([...this.variables.keys(), ...this.#attributes.keys()])].sort()
  }

  #find(name: string): Value {
    const block = this.variables.get(name)
    const attribute = this.#attributes.get(name)
    const value = (): Value => (attribute ? evaluate(attribute.value, this) : null)
    if (!block) return value()
    return variableValue(block, {
      ignore: (at, what, hint) => this.ignore(at, what, hint),
      scope: this,
      override: this.#options.variable,
      ...(attribute ? { default: value } : {}),
    })
  }

  /** Guards against what is defined by itself. */
  #once(name: string, at: Place, find: () => Value): Value {
    if (this.#pending.has(name)) failAt(at, `${JSON.stringify(name)} is defined by itself`)
    this.#pending.add(name)
    try {
      const value = find()
      this.#known.set(name, value)
      return value
    } finally {
      this.#pending.delete(name)
    }
  }

  /** `target.app.tags`: members are evaluated when they are read, so that targets may name each other. */
  #members(type: 'target' | 'group'): ValueMap {
    return lazy([...this.blocks[type]].map(([name, blocks]) => [name, () => this.#memberOf(`${type}.${name}`, blocks)]))
  }

  #memberOf(path: string, blocks: readonly Block[]): ValueMap {
    const attributes = new Map(
      blocks.flatMap(({ type, body }) =>
        body.attributes.flatMap((item) => (isMember(type, item.name) ? [[item.name, item] as const] : [])),
      ),
    )
    const read = ({ name, value, at }: Attribute): Value =>
      this.#known.get(`${path}.${name}`) ?? this.#once(`${path}.${name}`, at, () => evaluate(value, this))
    return lazy([...attributes].map(([name, attribute]) => [name, () => read(attribute)]))
  }

  #add(block: Block): void {
    const { type, at, labels } = block
    if (!BLOCKS.has(type)) return this.ignore(at, `there is no block ${JSON.stringify(type)}`, [...BLOCKS].join(', '))
    const [name] = labels
    if (name === undefined || labels.length !== 1) failAt(at, `a ${type} block has one label: its name`)
    if (type === 'variable') this.variables.set(name, block)
    else if (type === 'function') this.#functions.set(name, this.#define(block))
    else {
      // Every target may share these two names with its neighbours.
      if (!isName(name))
        failAt(at, `invalid name ${JSON.stringify(name)}: only letters, digits, "_" and "-" are allowed`)
      const kind = type === 'group' ? 'group' : 'target'
      this.blocks[kind].set(name, [...(this.blocks[kind].get(name) ?? []), block])
    }
  }

  #define({ labels, body, at }: Block): HclFunction {
    const unknown = body.attributes.find(({ name }) => !FUNCTION.has(name)) ?? body.blocks[0]
    if (unknown) failAt(unknown.at, 'a function has params, variadic_params and result, and nothing else')
    const attribute = (name: string): Expression | undefined =>
      body.attributes.find((item) => item.name === name)?.value
    const result = attribute('result') ?? failAt(at, `the function ${JSON.stringify(labels[0])} has no result`)
    const params = words(attribute('params'))
    const [rest] = words(attribute('variadic_params'))
    let depth = 0
    return (...args) => {
      if (args.length < params.length || (rest === undefined && args.length > params.length))
        throw new Error(`takes ${params.length}${rest === undefined ? '' : ' or more'} arguments, not ${args.length}`)
      if (++depth > 100) throw new Error('calls itself too deeply')
      try {
        const names = Object.fromEntries(params.map((name, i) => [name, args[i]!]))
        const more: Record<string, Value> = rest === undefined ? {} : { [rest]: args.slice(params.length) }
        return evaluate(result, withNames(this, { ...names, ...more }))
      } finally {
        depth--
      }
    }
  }
}

/** Whether others may read it: `target.app.tags`. */
function isMember(type: string, name: string): boolean {
  return type === 'group' ? name === 'targets' || name === 'description' : isField(name)
}

/** Names of parameters, written as bare words or as texts. */
function words(expression: Expression | undefined): string[] {
  if (!expression) return []
  const items = expression.kind === 'tuple' ? expression.items : [expression]
  return items.flatMap((item) => {
    if (item.kind === 'variable') return [item.name]
    if (item.kind === 'literal' && item.value === null) return []
    if (item.kind === 'literal' && typeof item.value === 'string') return [item.value]
    return failAt(item.at, 'a parameter is a name')
  })
}

function lazy(members: readonly (readonly [string, () => Value])[]): ValueMap {
  const out = {}
  for (const [name, get] of members) Object.defineProperty(out, name, { enumerable: true, get })
  return out
}

/** For callers that have only a name. */
export function unknownName(kind: string, name: string, known: Iterable<string>): never {
  const names = [...known]
  fail('not_found', `failed to find ${kind} ${name}`, names.length > 0 ? { hint: `there are ${names.join(', ')}` } : {})
}
