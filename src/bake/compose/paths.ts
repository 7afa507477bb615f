import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { isTreeMap, mapAt, textAt, type Tree, type TreeMap } from './tree.ts'
import { listOf } from './merge.ts'

/** A path of a file in `directory` as the caller would write it. */
export function pathFrom(directory: string, path: string): string {
  const home = path.startsWith('~') ? join(homedir(), path.slice(1)) : path
  return isAbsolute(home) ? home : join(directory, home)
}

/** The same for contexts, which may be no paths at all. */
function contextFrom(directory: string, context: string): string {
  const isElsewhere = /:\/\/|^(service:|github\.com\/|git@)/.test(context)
  return isElsewhere || context === '' ? context : pathFrom(directory, context)
}

/** A service whose relative paths are those of the caller. */
export function serviceFrom(directory: string, service: TreeMap): TreeMap {
  const each = (value: Tree, of: (text: string) => string): Tree =>
    isTreeMap(value)
      ? Object.fromEntries(
          Object.entries(value).map(([key, item]) => [key, typeof item === 'string' ? of(item) : item]),
        )
      : value
  return changed(service, {
    build: (build) =>
      changed(mapAt(build, 'build'), {
        context: (context) => contextFrom(directory, textAt(context, 'build.context') ?? ''),
        additional_contexts: (contexts) => each(contexts, (context) => contextFrom(directory, context)),
        ssh: (keys) => each(keys, (path) => pathFrom(directory, path)),
      }),
    env_file: (files) => listOf(files).map((file) => changedPath(file, 'path', directory)),
    extends: (extended) => changedPath(extended, 'file', directory),
  })
}

export function secretFrom(directory: string, secret: Tree): Tree {
  return changedPath(secret, 'file', directory)
}

function changedPath(value: Tree, key: string, directory: string): Tree {
  if (!isTreeMap(value)) return value
  return changed(value, { [key]: (path) => (typeof path === 'string' ? pathFrom(directory, path) : path) })
}

function changed(map: TreeMap, changes: Readonly<Record<string, (value: Tree) => Tree>>): TreeMap {
  const isThere = ([key]: readonly [string, unknown]): boolean => Object.hasOwn(map, key)
  const made = Object.entries(changes)
    .filter(isThere)
    .map(([key, change]) => [key, change(map[key]!)] as const)
  return Object.fromEntries([...Object.entries(map), ...made])
}
