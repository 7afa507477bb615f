import { canonicalJson, digestText } from '../digest.ts'
import type { BuildVertex, CopyDefinition, Definition, RunDefinition } from '../ops/definition.ts'
import { localOrigin, selectItem } from '../ops/origin.ts'
import { find } from '../ops/mounts/find.ts'
import type { Selected } from '../source/select.ts'
import type { LocalTree, LocalTrees } from '../source/localtrees.ts'
import { parentOf } from '../source/tree.ts'
import { walk } from '../source/walk.ts'
import { FileList } from './filelist.ts'
import type { KeyInput, KeyParts } from './types.ts'

/** Values up to this length are remembered as they are. */
const SHOWN = 200

/** Digits of a digest that tell one version of a file from another. */
const SHORT = 12

/** Files of one step that are remembered one by one (80 bytes each in memory); of more, each directory's as one. */
const FILES = 100_000

/** Entries described between two collections: what is said of each dies at once, and waits for the collector with all the rest. */
const SWEEP = 4096

/** What a step's key is made of, for people. Nothing secret is in a definition; variables are kept by their digests all the same. */
export function keyParts(vertex: BuildVertex, trees: LocalTrees, inputOf: (input: BuildVertex) => KeyInput): KeyParts {
  return {
    members: members(vertex.def),
    files: files(vertex.def, trees),
    inputs: vertex.inputs.map(inputOf),
  }
}

function members(def: Definition): Record<string, string> {
  const out: Record<string, string> = {}
  for (const [name, value] of Object.entries(def) as [string, unknown][]) {
    if (name === 'op' || name === 'below' || name === 'proxy' || value === undefined) continue
    if (name === 'env') for (const item of value as string[]) Object.assign(out, variable(item))
    else if (name === 'args') out['command'] = shown((value as string[]).join(' '))
    else if (name === 'mounts')
      for (const mount of (def as RunDefinition).mounts ?? []) Object.assign(out, mounted(mount))
    else out[name] = shown(typeof value === 'string' ? value : canonicalJson(value))
  }
  return out
}

function variable(item: string): Record<string, string> {
  const equals = item.indexOf('=')
  return { [`env ${item.slice(0, equals)}`]: short(item.slice(equals + 1)) }
}

function mounted(mount: NonNullable<RunDefinition['mounts']>[number]): Record<string, string> {
  return { [`mount ${mount.target ?? ('env' in mount ? mount.env : '')}`]: shown(canonicalJson(mount)) }
}

function shown(text: string): string {
  return text.length <= SHOWN ? text : short(text)
}

function short(text: string): string {
  return `#${digestText(text).slice(7, 7 + SHORT)}`
}

function files(def: Definition, trees: LocalTrees): FileList {
  let list: FileList | DirectoryList = new FileList()
  for (const { tree, selected } of selections(def, trees))
    for (const { path, node, filter } of selected)
      for (const walked of walk(tree.tree, node, filter)) {
        const name = walked.below === '' ? path : path === '' ? walked.below : `${path}/${walked.below}`
        list.set(name || '.', describe(walked.node, tree))
        if (list instanceof FileList && list.count > FILES) list = new DirectoryList(list)
        sweep()
      }
  return list instanceof FileList ? list : list.directories()
}

interface Selection {
  readonly tree: LocalTree
  readonly selected: readonly Selected[]
}

function selections(def: Definition, trees: LocalTrees): Selection[] {
  if (def.op === 'copy') return copied(def, trees)
  if (def.op !== 'run') return []
  return (def.mounts ?? []).flatMap((mount) => {
    if (!('tree' in mount) || mount.tree === undefined) return []
    const tree = trees.get(mount.tree)
    const source = mount.type === 'cache' ? '/' : mount.source
    return [{ tree, selected: [{ path: source.slice(1), node: find(tree.tree, source, 'the build context') }] }]
  })
}

function copied(def: CopyDefinition, trees: LocalTrees): Selection[] {
  return def.sources.flatMap((item) => {
    if (item.kind !== 'path' || !('tree' in item.from)) return []
    const tree = trees.get(item.from.tree)
    return [{ tree, selected: selectItem(def, item, localOrigin(item.from.tree, tree)) }]
  })
}

/** What counts of an entry of a context: its type and mode, and its bytes or target. */
function describe(node: Selected['node'], { digests }: LocalTree): string {
  const { type, stat, target } = node
  const mode = type === 'symlink' ? '' : (stat.mode & 0o7777).toString(8)
  const content = type === 'file' ? digests.digest(node).slice(7, 7 + SHORT) : (target ?? '')
  return `${type[0]}${mode} ${content}`
}

let described = 0

/** After each entry. */
function sweep(): void {
  if (++described % SWEEP === 0) Bun.gc(true)
}

/** Files of which each directory's count as one. */
class DirectoryList {
  readonly #hashers = new Map<string, Bun.CryptoHasher>()

  constructor(files: FileList) {
    for (const [path, text] of files) {
      this.set(path, text)
      sweep()
    }
  }

  set(path: string, text: string): void {
    const directory = parentOf(path)
    let hasher = this.#hashers.get(directory)
    if (!hasher) this.#hashers.set(directory, (hasher = new Bun.CryptoHasher('sha256')))
    hasher.update(`${path} ${text}\n`)
  }

  directories(): FileList {
    const out = new FileList()
    for (const [directory, hasher] of this.#hashers)
      out.set(`${directory || '.'}/`, `#${hasher.digest('hex').slice(0, SHORT)}`)
    return out
  }
}
