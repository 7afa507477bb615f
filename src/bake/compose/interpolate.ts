import { fail } from '#base'
import { isTreeList, isTreeMap, type Tree } from './tree.ts'

export type Lookup = (name: string) => string | undefined

/** The values of an environment. */
export function lookupIn(environment: Readonly<Record<string, string>>): Lookup {
  return (name) => (Object.hasOwn(environment, name) ? environment[name] : undefined)
}

/** Told of a variable that has neither a value nor a default. */
export type Unset = (name: string) => void

/** With all anchors written out, a file has no more members than this, and none is deeper. */
const MOST = 1_000_000
const DEEPEST = 100

/**
 * The tree with `$NAME` and `${NAME}` replaced in every value.
 * https://github.com/compose-spec/compose-spec/blob/main/12-interpolation.md
 */
export function interpolated(tree: Tree, lookup: Lookup, unset?: Unset): Tree {
  let count = 0
  const walk = (value: Tree, path: readonly string[]): Tree => {
    if (++count > MOST) fail('resource_exhausted', `more than ${MOST} members with all anchors written out`)
    if (path.length > DEEPEST) fail('invalid_argument', `${path.slice(0, 3).join('.')}… is nested too deeply`)
    if (typeof value === 'string') return substituted(value, lookup, path.join('.'), unset)
    if (isTreeList(value)) return value.map((item, i) => walk(item, [...path, String(i)]))
    if (!isTreeMap(value)) return value
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, walk(item, [...path, key])]))
  }
  return walk(tree, [])
}

/** `$$`, `$NAME`, `${NAME}` and `${NAME` `:-` `-` `:+` `+` `:?` `?` `word}`; words are templates themselves. */
export function substituted(text: string, lookup: Lookup, path: string, unset?: Unset): string {
  const plain = (name: string): string => {
    const value = lookup(name)
    if (value === undefined) unset?.(name)
    return value ?? ''
  }
  let out = ''
  let at = 0
  for (;;) {
    const dollar = text.indexOf('$', at)
    if (dollar < 0) return out + text.slice(at)
    out += text.slice(at, dollar)
    const next = text[dollar + 1]
    if (next === '$') {
      out += '$'
      at = dollar + 2
    } else if (next === '{') {
      const end = closing(text, dollar + 1)
      if (end < 0) return badTemplate(text, path)
      out += braced(text.slice(dollar + 2, end), { lookup, path, plain, unset }) ?? badTemplate(text, path)
      at = end + 1
    } else {
      const name = /^[_a-zA-Z][_a-zA-Z0-9]*/.exec(text.slice(dollar + 1))?.[0]
      out += name === undefined ? '$' : plain(name)
      at = dollar + 1 + (name?.length ?? 0)
    }
  }
}

function closing(text: string, open: number): number {
  let depth = 0
  for (let i = open; i < text.length; i++) {
    if (text[i] === '{') depth++
    if (text[i] === '}' && --depth === 0) return i
  }
  return -1
}

interface Substitution {
  readonly lookup: Lookup
  readonly path: string
  readonly plain: (name: string) => string
  readonly unset: Unset | undefined
}

function braced(text: string, { lookup, path, plain, unset }: Substitution): string | undefined {
  const found = /^([_a-zA-Z][_a-zA-Z0-9]*)(?:(:?)([-+?])(.*))?$/.exec(text)
  if (!found) return undefined
  const [, name = '', colon, operator, word = ''] = found
  if (operator === undefined) return plain(name)
  const value = lookup(name)
  const isThere = value !== undefined && !(colon === ':' && value === '')
  if (operator === '-') return isThere ? value : substituted(word, lookup, path, unset)
  if (operator === '+') return isThere ? substituted(word, lookup, path, unset) : (value ?? '')
  if (operator === '?' && !isThere) {
    const reason = substituted(word, lookup, path, unset)
    return fail(
      'invalid_argument',
      `${path}: required variable ${name} is missing a value${reason === '' ? '' : `: ${reason}`}`,
    )
  }
  return value ?? ''
}

function badTemplate(text: string, path: string): never {
  return fail('invalid_argument', `${path}: ${JSON.stringify(text)} is no valid template`, { hint: 'write $$ for a $' })
}
