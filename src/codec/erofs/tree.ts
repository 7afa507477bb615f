import { doubled } from './arena.ts'
import { S_IFDIR, S_IFMT } from './format.ts'
import { Inodes } from './inodes.ts'
import { NameTree, NONE, ROOT, type TreeLimits } from './nametree.ts'

export { NONE, ROOT } from './nametree.ts'
export type { TreeLimits } from './nametree.ts'

/** The nodes `.` and `..`, which every directory has and none looks up. */
export const DOT = 1
export const DOTDOT = 2

/** A directory tree in columns. A node leads to an inode; a directory's node is its identity. */
export class Tree extends NameTree {
  readonly inodes: Inodes = new Inodes()
  inode: Uint32Array<ArrayBuffer> = new Uint32Array(1024)

  constructor(limits: TreeLimits) {
    super(limits)
    this.inode[ROOT] = ROOT
    for (const name of ['.', '..']) this.#lead(this.append(NONE, this.arena.stage(name)), ROOT)
  }

  /** Makes the name that `slot` was asked for lead to an inode. What it led to before is no longer in the tree. */
  assign(slot: number, directory: number, inode: number): number {
    const old = this.nodeAt(slot)
    if (old !== NONE && !this.isDirectory(old)) return this.#lead(old, inode)
    // A new node for a new identity: the entries of the old directory stay behind with it.
    if (old !== NONE) this.parent[old] = NONE
    return this.#lead(this.add(slot, directory), inode)
  }

  isDirectory(node: number): boolean {
    return (this.inodes.mode[this.inode[node]!]! & S_IFMT) === S_IFDIR
  }

  #lead(node: number, inode: number): number {
    if (node >= this.inode.length) this.inode = new Uint32Array(doubled(this.inode))
    this.inode[node] = inode
    return node
  }
}
