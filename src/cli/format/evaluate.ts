import { fail } from '#base'
import { functions, show, truth } from './functions.ts'
import type { Operand, Part, Pipe } from './parse.ts'

interface Scope {
  readonly root: unknown
  readonly variables: Map<string, unknown>
}

/** The text that a parsed template makes of one value. Unknown functions and fields of a row are errors. */
export function evaluate(parts: readonly Part[], data: unknown): string {
  return render(parts, data, { root: data, variables: new Map([['$', data]]) })
}

function render(parts: readonly Part[], dot: unknown, scope: Scope): string {
  let text = ''
  for (const part of parts) {
    switch (part.kind) {
      case 'text':
        text += part.text
        break
      case 'print':
        text += show(run(part.pipe, dot, scope))
        break
      case 'set':
        scope.variables.set(part.name, run(part.pipe, dot, scope))
        break
      case 'if':
      case 'with': {
        const value = run(part.pipe, dot, scope)
        const inner = part.kind === 'with' && truth(value) ? value : dot
        text += render(truth(value) ? part.body : part.otherwise, inner, scope)
        break
      }
      case 'range':
        text += each(part, dot, scope)
    }
  }
  return text
}

function each(part: Extract<Part, { kind: 'range' }>, dot: unknown, scope: Scope): string {
  const value = run(part.pipe, dot, scope)
  const entries: readonly (readonly [unknown, unknown])[] = Array.isArray(value)
    ? value.map((item, i) => [i, item] as const)
    : typeof value === 'object' && value !== null
      ? Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
      : []
  if (entries.length === 0) return render(part.otherwise, dot, scope)
  return entries
    .map(([key, item]) => {
      const variables = new Map(scope.variables)
      const [first, second] = part.variables
      if (second !== undefined) variables.set(first!, key).set(second, item)
      else if (first !== undefined) variables.set(first, item)
      return render(part.body, item, { root: scope.root, variables })
    })
    .join('')
}

function run(pipe: Pipe, dot: unknown, scope: Scope): unknown {
  let result: unknown
  for (const [index, command] of pipe.entries()) {
    const [first, ...rest] = command as [Operand, ...Operand[]]
    const given = rest.map((operand) => valueOf(operand, dot, scope))
    if (index > 0) given.push(result)
    if (first.kind === 'function') {
      const called = Object.hasOwn(functions, first.name) ? functions[first.name] : undefined
      if (!called)
        fail('invalid_argument', `template parsing error: function ${JSON.stringify(first.name)} not defined`)
      result = called(...given)
      continue
    }
    const value = valueOf(first, dot, scope)
    if (typeof value === 'function') result = (value as (...values: unknown[]) => unknown)(...given)
    else if (given.length > 0) fail('invalid_argument', "template: can't give argument to non-function")
    else result = value
  }
  return result
}

function valueOf(operand: Operand, dot: unknown, scope: Scope): unknown {
  switch (operand.kind) {
    case 'value':
      return operand.value
    case 'variable':
      if (!scope.variables.has(operand.name)) fail('invalid_argument', `template: undefined variable ${operand.name}`)
      return scope.variables.get(operand.name)
    case 'pipe':
      return run(operand.pipe, dot, scope)
    case 'function':
      return run([[operand]], dot, scope)
    case 'field': {
      let value = operand.from ? valueOf(operand.from, dot, scope) : dot
      for (const name of operand.path) value = field(value, name, scope)
      return value
    }
  }
}

/** A member; a name that the row itself does not have is a mistake and says what there is. */
function field(value: unknown, name: string, scope: Scope): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  if (Object.hasOwn(value, name)) return (value as Record<string, unknown>)[name]
  if (value === scope.root)
    fail('invalid_argument', `template: no field .${name}`, { hint: `fields: ${Object.keys(value).join(', ')}` })
  return undefined
}
