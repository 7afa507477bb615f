import type { HclFunction } from '../hcl/evaluate.ts'
import {
  asNumber,
  asSet,
  asText,
  equal,
  isList,
  isMap,
  kindOf,
  member,
  type Value,
  type ValueMap,
} from '../hcl/value.ts'
import { anything, define, list, map, number, optional, text, texts } from './arguments.ts'

export const collections: Readonly<Record<string, HclFunction>> = {
  length: define([anything], length),
  concat: define([], (...lists: (readonly Value[])[]) => lists.flat(1), list),
  contains: define([list, anything], (items, wanted) => items.some((item) => equal(item, wanted))),
  element: define([list, number], (items, i) => {
    if (items.length === 0) throw new Error('an empty list has no elements')
    return items[((i % items.length) + items.length) % items.length]!
  }),
  index: define([anything, anything], (of, key) => {
    const found = isMap(of) ? member(of, asText(key) ?? '') : isList(of) ? of[asNumber(key) ?? -1] : undefined
    if (found === undefined) throw new Error('there is no such element')
    return found
  }),
  hasindex: define([anything, anything], (of, key) =>
    isMap(of) ? Object.hasOwn(of, asText(key) ?? '') : isList(of) && of[asNumber(key) ?? -1] !== undefined,
  ),
  indexof: define([list, anything], (items, wanted) => {
    const at = items.findIndex((item) => equal(item, wanted))
    if (at < 0) throw new Error('item not found')
    return at
  }),
  slice: define([list, number, number], (items, from, to) => {
    if (from < 0 || to > items.length || from > to) throw new Error('the bounds lie outside of the list')
    return items.slice(from, to)
  }),
  chunklist: define([list, number], (items, size) => chunks(items, size)),
  coalesce: define(
    [anything],
    (...all) => {
      const found = all.find((value) => value !== null)
      if (found === undefined) throw new Error('all arguments are null')
      return found
    },
    anything,
  ),
  coalescelist: define([list], (...all) => all.find((value) => value.length > 0) ?? [], list),
  compact: define([texts], (all) => all.filter((value) => value !== '')),
  distinct: define([list], (items) => items.filter((item, i) => items.findIndex((other) => equal(other, item)) === i)),
  flatten: define([list], flatten),
  reverselist: define([list], (items) => items.toReversed()),
  sort: define([texts], (items) => items.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0))),
  keys: define([map], (of) => Object.keys(of).sort()),
  values: define([map], (of) =>
    Object.keys(of)
      .sort()
      .map((key) => of[key]!),
  ),
  lookup: optional(2, [map, text, anything], (of = {}, key = '', otherwise) => {
    const found = Object.hasOwn(of, key) ? of[key] : otherwise
    if (found === undefined) throw new Error(`there is no ${JSON.stringify(key)}`)
    return found
  }),
  merge: define(
    [],
    (...all: Value[]) => Object.assign({}, ...all.filter((value) => value !== null).map(mapOf)) as ValueMap,
    anything,
  ),
  zipmap: define([texts, list], (keys, values) => {
    if (keys.length !== values.length) throw new Error('there must be as many values as keys')
    return Object.fromEntries(keys.map((key, i) => [key, values[i]!]))
  }),
  setunion: define([list], (...all) => asSet(all.flat(1)), list),
  setintersection: define(
    [list],
    (first, ...others) => asSet(first.filter((item) => others.every((other) => has(other, item)))),
    list,
  ),
  setsubtract: define([list, list], (a, b) => asSet(a.filter((item) => !has(b, item)))),
  setsymmetricdifference: define(
    [list],
    (first, ...others) =>
      others.reduce<readonly Value[]>(
        (a, b) => asSet([...a.filter((item) => !has(b, item)), ...b.filter((item) => !has(a, item))]),
        asSet(first),
      ),
    list,
  ),
  sethaselement: define([list, anything], has),
  setproduct: define([], (...all: (readonly Value[])[]) => product(all), list),
}

function length(value: Value): number {
  if (isList(value)) return value.length
  if (isMap(value)) return Object.keys(value).length
  throw new Error(`${kindOf(value)} has no length`)
}

function has(items: readonly Value[], wanted: Value): boolean {
  return items.some((item) => equal(item, wanted))
}

function mapOf(value: Value): ValueMap {
  if (isMap(value)) return value
  throw new Error(`only objects can be merged, not ${kindOf(value)}`)
}

function chunks(items: readonly Value[], size: number): Value[] {
  if (!Number.isInteger(size) || size < 0) throw new Error('the size of a chunk must be a positive number')
  if (size === 0) return [items]
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size))
}

function flatten(items: readonly Value[]): Value[] {
  return items.flatMap((item) => (isList(item) ? flatten(item) : [item]))
}

/** All ways to take one of each; bounded, since it grows so fast. */
function product(all: readonly (readonly Value[])[]): Value[] {
  if (all.length < 2) throw new Error('takes 2 or more arguments')
  if (all.reduce((count, items) => count * items.length, 1) > 1024 * 1024) throw new Error('the product is too large')
  return all.reduce<Value[][]>((rows, items) => rows.flatMap((row) => items.map((item) => [...row, item])), [[]])
}
