import { fail } from '#base'
import { pathInRoot } from './cleanpath.ts'
import { globMatcher, hasWildcards, parseGlob } from './glob.ts'
import { joinPath, type SourceTree, type TreeNode } from './tree.ts'

/** One thing that a copy reads: the entry (symlinks followed) and the path by which it was asked for. */
export interface Selected {
  /** Below the root; its last part is the name that the copy gets inside a directory. */
  readonly path: string
  readonly node: TreeNode
}

/**
 * What a source of COPY or ADD names: a path inside the tree (`..` stops at its root), or with wildcards every
 * match, which may be none. A literal path that is not there is `not_found`.
 */
export function select(tree: SourceTree, source: string, where: string): Selected[] {
  const path = pathInRoot(source)
  const parts = path.split('/')
  const wild = parts.findIndex(hasWildcards)
  if (wild < 0) return [{ path, node: tree.resolve(path) ?? missing(tree, path, source, where) }]
  const start = tree.resolve(parts.slice(0, wild).join('/'))
  if (!start) missing(tree, parts.slice(0, wild).join('/'), source, where)
  const matchers = parts.slice(wild).map((part) => globMatcher(parseGlob(part, false)))
  return matching(tree, start, matchers).flatMap((found) => {
    const node = tree.resolve(found)
    return node ? [{ path: found, node }] : []
  })
}

function matching(tree: SourceTree, directory: TreeNode, matchers: readonly ((name: string) => boolean)[]): string[] {
  const [matches, ...rest] = matchers
  if (!matches || directory.type !== 'directory') return []
  return tree.list(directory.path).flatMap((node) => {
    if (!matches(node.path.slice(joinPath(directory.path, '').length))) return []
    return rest.length === 0 ? [node.path] : matching(tree, node, rest)
  })
}

function missing(tree: SourceTree, path: string, source: string, where: string): never {
  const parts = path.split('/')
  const ignored = parts.some((_, i) => tree.hides(parts.slice(0, i + 1).join('/')))
  fail('not_found', `${JSON.stringify(source)} is not in ${where}`, {
    hint: ignored
      ? 'the ignore file excludes it: add a !pattern'
      : 'sources are relative to the root of what is copied from',
  })
}
