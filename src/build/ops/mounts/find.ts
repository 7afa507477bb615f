import { fail } from '#base'
import type { SourceTree, TreeNode } from '../../source/tree.ts'

/** What a mount selects, links followed. */
export function find(tree: SourceTree, source: string, where: string): TreeNode {
  return (
    tree.resolve(source) ??
    fail('not_found', `${JSON.stringify(source)} is not in ${where}`, {
      hint: tree.hides(source.slice(1))
        ? 'the ignore file excludes it: add a !pattern'
        : 'source is a path from the root of what is mounted',
    })
  )
}
