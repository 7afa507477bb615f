import type { IgnoreRules, ParentMatch } from './ignore.ts'
import { baseOf, joinPath, type SourceTree, type TreeNode } from './tree.ts'

/** What of a directory is taken: matches of `only` (default: everything) that `except` does not match. */
export interface Filter {
  readonly only?: IgnoreRules
  readonly except?: IgnoreRules
}

export interface Walked {
  readonly node: TreeNode
  /** Path below the entry that the walk began with; empty for that itself. */
  readonly below: string
  /** A directory that the filter would leave out, but for something in it. */
  readonly onTheWay: boolean
}

interface Place {
  readonly node: TreeNode
  readonly below: string
  readonly only: ParentMatch | undefined
  readonly except: ParentMatch | undefined
}

/** An entry and all below it, directories before what is in them. The entry itself always comes: a filter is for what is below. */
export function walk(tree: SourceTree, node: TreeNode, filter?: Filter): Generator<Walked, void, void> {
  if (!filter) return everything(tree, node)
  return filtered(tree, filter, { node, below: '', only: undefined, except: undefined }, [])
}

function* everything(tree: SourceTree, root: TreeNode): Generator<Walked, void, void> {
  yield { node: root, below: '', onTheWay: false }
  const levels = root.type === 'directory' ? [{ below: '', nodes: tree.list(root.path) }] : []
  for (let level = levels.at(-1); level; level = levels.at(-1)) {
    const { done, value: node } = level.nodes.next()
    if (done) {
      levels.pop()
      continue
    }
    const below = joinPath(level.below, baseOf(node.path))
    yield { node, below, onTheWay: false }
    if (node.type === 'directory') levels.push({ below, nodes: tree.list(node.path) })
  }
}

/** `waiting`: directories above that have not come yet, because nothing in them was taken so far. */
function* filtered(tree: SourceTree, filter: Filter, at: Place, waiting: Walked[]): Generator<Walked, void, void> {
  const { node, below } = at
  const only = below === '' ? undefined : filter.only?.match(below, at.only)
  const except = below === '' ? undefined : filter.except?.match(below, at.except)
  const excluded = except?.ignored ?? false
  if ((only?.ignored ?? true) && !excluded) {
    yield* waiting.splice(0)
    yield { node, below, onTheWay: false }
  } else waiting.push({ node, below, onTheWay: true })
  if (node.type === 'directory' && !(excluded && !filter.except!.mayTakeBack(below)))
    for (const child of tree.list(node.path)) {
      const place = { node: child, below: joinPath(below, baseOf(child.path)), only: only?.here, except: except?.here }
      yield* filtered(tree, filter, place, waiting)
    }
  if (waiting.at(-1)?.node === node) waiting.pop()
}
