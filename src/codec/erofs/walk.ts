import { fail } from '#base'
import { S_IFLNK, S_IFMT } from './format.ts'
import { NONE, ROOT } from './tree.ts'
import type { Tree } from './tree.ts'

/** As many symlinks as Linux follows. */
const MAX_SYMLINKS = 40
/** Components of a path with all its symlinks put in; Linux bounds neither, time must. */
const MAX_STEPS = 4096

/** What to do about a component that is not there, or is there but no directory: the directory to go on in. */
export type OnMissing = (directory: number, name: string) => number

/**
 * The directory at a path, symlinks of the layer followed with the layer's root as theirs, as an extractor
 * would come to it. NONE if `onMissing` says so.
 */
export function walk(tree: Tree, path: string, onMissing: OnMissing): number {
  if (path === '') return ROOT
  const pending = path.split('/').reverse()
  let directory = ROOT
  let symlinks = 0
  for (let steps = 0; pending.length > 0; steps++) {
    if (steps > MAX_STEPS) refuse(path, 'leads through too many directories')
    const name = pending.pop()!
    if (name === '' || name === '.') continue
    if (name === '..') {
      directory = directory === ROOT ? ROOT : tree.parent[directory]!
      continue
    }
    const node = tree.nodeAt(tree.slot(directory, name))
    if (node !== NONE && tree.isDirectory(node)) {
      directory = node
    } else if (node !== NONE && isSymlink(tree, node)) {
      if (++symlinks > MAX_SYMLINKS) refuse(path, 'leads through too many symlinks')
      const target = symlinkTarget(tree, tree.inode[node]!)
      if (target.startsWith('/')) directory = ROOT
      pending.push(...target.split('/').reverse())
    } else {
      directory = onMissing(directory, name)
      if (directory === NONE) return NONE
    }
  }
  return directory
}

/** False for what was in a directory that has been replaced. */
export function isReachable(tree: Tree, node: number): boolean {
  let at = node
  while (at !== ROOT && at !== NONE) at = tree.parent[at]!
  return at === ROOT
}

/** The path of a node from the root down, without symlinks. */
export function pathOf(tree: Tree, node: number): string {
  const names: string[] = []
  for (let at = node; at !== ROOT; at = tree.parent[at]!) names.push(tree.nameOf(at))
  return names.reverse().join('/')
}

function symlinkTarget(tree: Tree, inode: number): string {
  return tree.arena.text(tree.inodes.data[inode]!, tree.inodes.size[inode]!)
}

function isSymlink(tree: Tree, node: number): boolean {
  return (tree.inodes.mode[tree.inode[node]!]! & S_IFMT) === S_IFLNK
}

function refuse(path: string, why: string): never {
  return fail('invalid_argument', `path ${JSON.stringify(path.slice(0, 200))} ${why}`)
}
