import { fail } from '#base'
import { merge } from '../definition/merge.ts'
import type { Target } from '../types.ts'
import { entry, named, unique } from './values.ts'
import { boolAt, isTreeList, mapAt, scalarAt, type Tree } from './tree.ts'

const ENTRIES = ['cache-from', 'cache-to', 'secret', 'ssh', 'output'] as const
const TEXTS = ['tags', 'platforms', 'no-cache-filter'] as const
const BOOLS = ['pull', 'no-cache'] as const

/**
 * The target with what `x-bake` adds to it; lists grow.
 * https://docs.docker.com/build/bake/compose-file/#extension-field-with-x-bake
 */
export function extensionOf(target: Target, extension: Tree | undefined, path: string): Target {
  let out = target
  for (const [name, value] of Object.entries(mapAt(extension, path))) {
    const at = `${path}.${name}`
    if (value === null) continue
    if (isOf(TEXTS, name)) out = { ...out, [name]: unique([...(out[name] ?? []), ...words(value, at)]) }
    else if (isOf(ENTRIES, name)) {
      const more = words(value, at).map((word) => entry(name, word, at))
      out = merge({ ...out, [name]: undefined }, { [name]: [...(out[name] ?? []), ...more] })
      if (name === 'ssh')
        out = { ...out, ssh: [...(out.ssh ?? [])].sort((a, b) => ((a['id'] ?? '') < (b['id'] ?? '') ? -1 : 1)) }
    } else if (isOf(BOOLS, name)) out = { ...out, [name]: boolAt(value, at) }
    else if (name === 'contexts') out = { ...out, contexts: { ...named(value, at), ...out.contexts } }
    else
      fail('invalid_argument', `${path} has no ${JSON.stringify(name)}`, {
        hint: [...TEXTS, ...ENTRIES, ...BOOLS, 'contexts'].join(', '),
      })
  }
  return out
}

function isOf<const T extends string>(names: readonly T[], name: string): name is T {
  return (names as readonly string[]).includes(name)
}

/** A list, or words with spaces between them. */
function words(value: Tree, path: string): string[] {
  if (isTreeList(value)) return value.map((item) => scalarAt(item, path))
  return scalarAt(value, path).split(/\s+/).filter(Boolean)
}
