import { isDeepStrictEqual } from 'node:util'
import { isTreeList, isTreeMap, mapAt, pairsAt, scalarAt, textsAt, wrong, type Tree, type TreeMap } from './tree.ts'

type Merger = (first: Tree, second: Tree, path: string) => Tree

/** What is not merged like any other mapping or list, under `services.NAME`. */
const SPECIAL: Readonly<Record<string, Merger>> = {
  build: (first, second, path) => mergedMaps(buildOf(first, path), buildOf(second, path), path, ['build']),
  'build.args': mergedPairs,
  'build.labels': mergedPairs,
  'build.additional_contexts': mergedPairs,
  'build.extra_hosts': (first, second, path) => unique([...hosts(first, path), ...hosts(second, path)]),
  environment: mergedPairs,
  env_file: (first, second) => unique([...listOf(first), ...listOf(second)]),
}

/** A service as one file has it, and what another says over it. */
export function mergedService(first: TreeMap, second: TreeMap, path: string): TreeMap {
  return mergedMaps(first, second, path, [])
}

/** Mappings by their keys, lists one after the other; the second wins over the first. */
export function merged(first: Tree, second: Tree, path: string, inside: readonly string[] | undefined): Tree {
  const special = inside && SPECIAL[inside.join('.')]
  if (special) return special(first, second, path)
  if (inside?.length === 3 && inside[1] === 'ulimits' && !(isTreeMap(first) && isTreeMap(second))) return second
  if (second === null) return first
  if (isTreeMap(first)) return mergedMaps(first, isTreeMap(second) ? second : wrong(path, 'a mapping'), path, inside)
  if (isTreeList(first)) return unique([...first, ...(isTreeList(second) ? second : wrong(path, 'a list'))])
  return second
}

function mergedMaps(first: TreeMap, second: TreeMap, path: string, inside?: readonly string[]): TreeMap {
  const out = new Map(Object.entries(first))
  for (const [key, value] of Object.entries(second)) {
    const before = out.get(key)
    out.set(key, before === undefined ? value : merged(before, value, `${path}.${key}`, inside && [...inside, key]))
  }
  return Object.fromEntries(out)
}

export function buildOf(value: Tree, path: string): TreeMap {
  return typeof value === 'string' ? { context: value } : mapAt(value, path)
}

function mergedPairs(first: Tree, second: Tree, path: string): Tree {
  return Object.fromEntries([...pairsAt(first, path), ...pairsAt(second, path)])
}

function hosts(value: Tree, path: string): readonly string[] {
  if (!isTreeMap(value)) return textsAt(value, path) ?? []
  return Object.entries(value).flatMap(([host, address]) =>
    listOf(address).map((one) => `${host}=${scalarAt(one, path)}`),
  )
}

export function listOf(value: Tree): readonly Tree[] {
  return value === null ? [] : isTreeList(value) ? value : [value]
}

function unique(items: readonly Tree[]): readonly Tree[] {
  return items.filter((item, i) => items.findIndex((other) => isDeepStrictEqual(other, item)) === i)
}
