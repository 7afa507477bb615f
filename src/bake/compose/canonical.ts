import { isTreeList, isTreeMap, mapAt, pairsAt, wrong, type Tree, type TreeMap } from './tree.ts'
import { buildOf, listOf } from './merge.ts'

/** The members that say what is built; the others are for whoever runs the service. */
const MEMBERS = ['image', 'build', 'environment', 'env_file', 'extends']

/** A service in the long forms of its members, and only those that a build needs. */
export function canonicalService(value: Tree, path: string): TreeMap {
  const service = mapAt(value, path)
  const own = Object.entries(service).filter(([name]) => MEMBERS.includes(name))
  return Object.fromEntries(own.map(([name, item]) => [name, canonicalMember(name, item, `${path}.${name}`)]))
}

function canonicalMember(name: string, value: Tree, path: string): Tree {
  if (name === 'build' && value !== null) return canonicalBuild(buildOf(value, path), path)
  if (name === 'env_file') return listOf(value).map((file) => (typeof file === 'string' ? { path: file } : file))
  if (name === 'extends' && typeof value === 'string') return { service: value }
  return value
}

function canonicalBuild(build: TreeMap, path: string): TreeMap {
  return Object.fromEntries(
    Object.entries(build).map(([name, value]) => {
      const at = `${path}.${name}`
      if (name === 'ssh' && isTreeList(value)) return [name, keysOf(value, at)]
      if (name === 'additional_contexts' && isTreeList(value)) return [name, contextsOf(value, at)]
      if (name === 'secrets' && isTreeList(value))
        return [name, value.map((item) => (typeof item === 'string' ? { source: item } : item))]
      return [name, value]
    }),
  )
}

function keysOf(value: Tree, path: string): TreeMap {
  const keys = [...pairsAt(value, path)]
  if (keys.some(([id, socket]) => socket === null && id !== 'default')) return wrong(path, '"default" or ID=PATH')
  return Object.fromEntries(keys)
}

function contextsOf(value: Tree, path: string): TreeMap {
  return Object.fromEntries(
    [...pairsAt(value, path)].map(([name, context]) => [name, context ?? wrong(path, 'NAME=CONTEXT')]),
  )
}

/** A model without what an override takes back. */
export function without(model: Tree, resets: readonly (readonly string[])[]): Tree {
  if (!isTreeMap(model) || resets.length === 0) return model
  return Object.fromEntries(
    Object.entries(model).flatMap(([key, value]): [string, Tree][] => {
      const inner = resets.filter(([first]) => first === key).map((path) => path.slice(1))
      return inner.some((path) => path.length === 0) ? [] : [[key, without(value, inner)]]
    }),
  )
}
