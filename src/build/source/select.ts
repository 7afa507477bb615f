import { fail } from '#base'
import { nearest } from '../dockerfile/nearest.ts'
import { cleanPath, pathInRoot } from './cleanpath.ts'
import { globMatcher, hasWildcards, parseGlob } from './glob.ts'
import { IgnoreRules } from './ignore.ts'
import { baseOf, joinPath, type SourceTree, type TreeNode } from './tree.ts'
import type { Filter } from './walk.ts'

/** One thing that a copy reads: the entry (symlinks followed) and the path by which it was asked for. */
export interface Selected {
  /** Below the root; its last part is the name that the copy gets inside a directory. */
  readonly path: string
  readonly node: TreeNode
  readonly filter?: Filter
}

export interface Selection {
  readonly path: string
  /** Ignore pattern for what is below `path`; without wildcards it must match something. */
  readonly only?: string
  /** Ignore patterns of what is left out below `path`. */
  readonly exclude?: readonly string[]
  /** The path is a name as it stands. */
  readonly literal?: boolean
}

/**
 * What a source of COPY or ADD names: a path inside the tree (`..` stops at its root), or with wildcards every
 * match, which may be none. A literal path that is not there is `not_found`.
 */
export function select(tree: SourceTree, selection: Selection, where: string): Selected[] {
  const { path: source, only, literal } = selection
  const path = pathInRoot(source)
  const filter = filterOf(selection)
  const chosen = (found: string, node: TreeNode): Selected => ({ path: found, node, ...(filter ? { filter } : {}) })
  if (literal) return [chosen(path, tree.node(path) ?? missing(tree, path, source, where))]
  const parts = path.split('/')
  const wild = parts.findIndex(hasWildcards)
  if (wild < 0) {
    const node = tree.resolve(path) ?? missing(tree, path, source, where)
    if (only !== undefined && !hasWildcards(only)) {
      const wanted = pathInRoot(`${path}/${only}`)
      // What is below is found by walking, which follows no symlink.
      const isThere = tree.node(joinPath(node.path, pathInRoot(only)))
      if (!isThere && tree.resolve(wanted))
        fail('not_found', `${JSON.stringify(wanted)} is behind a symlink, which --parents does not follow`, {
          hint: 'name it by its own path, or put the symlink before a pivot: link/./file',
        })
      if (!isThere) missing(tree, wanted, wanted, where)
    }
    return [chosen(path, node)]
  }
  const start = tree.resolve(parts.slice(0, wild).join('/'))
  if (!start) missing(tree, parts.slice(0, wild).join('/'), source, where)
  const matchers = parts.slice(wild).map((part) => globMatcher(parseGlob(part, false)))
  return matching(tree, start, matchers).flatMap((found) => {
    const node = tree.resolve(found)
    return node ? [chosen(found, node)] : []
  })
}

function filterOf({ only, exclude = [] }: Selection): Filter | undefined {
  if (only === undefined && exclude.length === 0) return undefined
  return {
    ...(only === undefined ? {} : { only: new IgnoreRules([only]) }),
    ...(exclude.length === 0 ? {} : { except: new IgnoreRules(exclude.map(cleanPattern)) }),
  }
}

/** As lines of an ignore file are cleaned, blanks apart. */
function cleanPattern(pattern: string): string {
  const negated = pattern.startsWith('!')
  return `${negated ? '!' : ''}${cleanPath(negated ? pattern.slice(1) : pattern)}`
}

function matching(tree: SourceTree, directory: TreeNode, matchers: readonly ((name: string) => boolean)[]): string[] {
  const [matches, ...rest] = matchers
  if (!matches || directory.type !== 'directory') return []
  const inside = (node: TreeNode): string[] => {
    if (!matches(baseOf(node.path))) return []
    return rest.length === 0 ? [node.path] : matching(tree, node, rest)
  }
  return tree.list(directory.path).flatMap(inside).toArray()
}

function missing(tree: SourceTree, path: string, source: string, where: string): never {
  const parts = path.split('/')
  const ignored = parts.some((_, i) => tree.hides(parts.slice(0, i + 1).join('/')))
  const close = ignored ? undefined : closeTo(tree, parts)
  fail('not_found', `${JSON.stringify(source)} is not in ${where}`, {
    hint: ignored
      ? 'the ignore file excludes it: add a !pattern'
      : close === undefined
        ? 'sources are relative to the root of what is copied from'
        : `did you mean ${close}?`,
  })
}

/** A path whose first part that is not there has a neighbour of nearly that name. */
function closeTo(tree: SourceTree, parts: readonly string[]): string | undefined {
  const at = parts.findIndex((_, i) => !tree.resolve(parts.slice(0, i + 1).join('/')))
  const directory = tree.resolve(parts.slice(0, at).join('/'))
  if (at < 0 || directory?.type !== 'directory') return undefined
  const names = tree
    .list(directory.path)
    .map(({ path }) => baseOf(path))
    .toArray()
  const close = nearest(parts[at]!, names)
  return close === undefined ? undefined : [...parts.slice(0, at), close, ...parts.slice(at + 1)].join('/')
}
