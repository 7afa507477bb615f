import type { Entry, Plan } from './types.ts'

/** The plan as `--print` shows it: a bake file in JSON that says the same. */
export function printed({ groups, targets }: Plan): object {
  return {
    group: sortedObject(groups, (group) => group),
    target: sortedObject(targets, (target) =>
      Object.fromEntries(
        Object.entries(target).map(([name, value]) => [
          name,
          escaped(name === 'ssh' ? keys(value) : name === 'attest' ? attests(value) : value),
        ]),
      ),
    ),
  }
}

function keys(entries: unknown): unknown {
  return (entries as readonly Entry[]).map(({ paths, ...rest }) =>
    paths === undefined ? rest : { ...rest, paths: paths.split(',') },
  )
}

/** What is disabled is said by a boolean, what is not by nothing. */
function attests(entries: unknown): unknown {
  return (entries as readonly Entry[]).map(({ disabled, ...rest }) =>
    disabled === 'true' ? { ...rest, disabled: true } : rest,
  )
}

function sortedObject<T>(map: ReadonlyMap<string, T>, of: (value: T) => unknown): object {
  return Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => [name, of(value)]))
}

/** Strings are templates there. */
function escaped(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll(/[$%](?=\{)/g, (mark) => mark + mark)
  if (Array.isArray(value)) return value.map(escaped)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, escaped(item)]))
}
