import { NameTree, NONE, ROOT } from './nametree.ts'

/** What one table may hold: as much as a layer file takes. */
const LIMITS = { nodes: 4_000_000, nameBytes: 256 << 20 }

/**
 * Numbers for paths, from 0 for the root up: for who keeps what he knows of each in columns of his own. 50 bytes a path,
 * where a string in a Map takes 200. Paths are relative and clean; a directory's number is less than those in it.
 */
export class PathTree extends NameTree {
  /** The directory that was asked for last: most paths follow one of the same. */
  #lastPath = ''
  #lastNode = ROOT

  constructor() {
    super(LIMITS)
  }

  /** The number of a path; NONE if it was never made. */
  find(path: string): number {
    return this.#walk(path, (slot) => this.nodeAt(slot))
  }

  /** The number of a path, a new one if it has none; so have then the directories above it. */
  make(path: string): number {
    return this.#walk(path, (slot, directory) => {
      const node = this.nodeAt(slot)
      return node === NONE ? this.add(slot, directory) : node
    })
  }

  /** All but the root in order of the paths' bytes, a directory right before what is in it. */
  *inOrder(): Generator<readonly [path: string, node: number], void, void> {
    const { nodes, first } = this.byDirectory()
    const levels = [{ path: '', at: first[ROOT]!, end: first[ROOT + 1]! }]
    for (let level = levels.at(-1); level; level = levels.at(-1)) {
      if (level.at === level.end) {
        levels.pop()
        continue
      }
      const node = nodes[level.at++]!
      const name = this.nameOf(node)
      const path = level.path === '' ? name : `${level.path}/${name}`
      yield [path, node]
      if (first[node] !== first[node + 1]) levels.push({ path, at: first[node]!, end: first[node + 1]! })
    }
  }

  #walk(path: string, step: (slot: number, directory: number) => number): number {
    if (path === '') return ROOT
    const slash = path.lastIndexOf('/')
    const directory = slash < 0 ? ROOT : this.#directory(path.slice(0, slash), step)
    return directory === NONE ? NONE : step(this.slot(directory, path.slice(slash + 1)), directory)
  }

  #directory(path: string, step: (slot: number, directory: number) => number): number {
    if (path === this.#lastPath) return this.#lastNode
    let node = ROOT
    for (const name of path.split('/')) {
      node = step(this.slot(node, name), node)
      if (node === NONE) return NONE
    }
    this.#lastPath = path
    this.#lastNode = node
    return node
  }
}
