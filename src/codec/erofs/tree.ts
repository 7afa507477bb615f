import { fail } from '#base'
import { Arena, doubled } from './arena.ts'
import { S_IFDIR, S_IFMT } from './format.ts'
import { Inodes } from './inodes.ts'

/** No node, no inode. */
export const NONE = 0xffffffff
/** The root's node and inode. */
export const ROOT = 0
/** The nodes `.` and `..`, which every directory has and none looks up. */
export const DOT = 1
export const DOTDOT = 2

const NAME_MAX = 255

export interface TreeLimits {
  readonly nodes: number
  readonly nameBytes: number
}

/**
 * A directory tree in columns. A node is a name in a directory and leads to an inode; a directory's node is
 * its identity. Nodes are found by a hash over (directory, name), open addressing.
 */
export class Tree {
  readonly arena: Arena
  readonly inodes: Inodes = new Inodes()
  nodes = 0
  /** NONE for a node that has been replaced. */
  parent: Uint32Array<ArrayBuffer> = new Uint32Array(1024)
  name: Uint32Array<ArrayBuffer> = new Uint32Array(1024)
  nameLength: Uint8Array<ArrayBuffer> = new Uint8Array(1024)
  inode: Uint32Array<ArrayBuffer> = new Uint32Array(1024)
  readonly #limits: TreeLimits
  /** Node + 1 by slot; 0 is free. */
  #slots: Uint32Array = new Uint32Array(4096)
  /** Odd and drawn by lot, so that nobody can prepare names that collide. */
  readonly #multiplier = Math.floor(Math.random() * 0x7fffffff) * 2 + 1
  #staged = 0

  constructor(limits: TreeLimits) {
    this.#limits = limits
    this.arena = new Arena(limits.nameBytes)
    this.#add(NONE, 0, ROOT)
    for (const name of ['.', '..']) this.#add(NONE, this.arena.stage(name), ROOT)
  }

  /**
   * Where a name of a directory is or belongs; stays good until the next call. Between this and `assign`
   * nothing may be added to the arena.
   */
  slot(directory: number, name: string): number {
    if (2 * this.nodes >= this.#slots.length) this.#rehash()
    const { arena } = this
    this.#staged = arena.stage(name)
    if (this.#staged > NAME_MAX) fail('invalid_argument', `name ${JSON.stringify(name.slice(0, 80))}… is too long`)
    const mask = this.#slots.length - 1
    for (let slot = this.#hash(directory, arena.length, this.#staged) & mask; ; slot = (slot + 1) & mask) {
      const node = this.#slots[slot]! - 1
      if (node === -1 || (this.parent[node] === directory && this.#isStaged(node))) return slot
    }
  }

  nodeAt(slot: number): number {
    return this.#slots[slot] === 0 ? NONE : this.#slots[slot]! - 1
  }

  /** Makes the name that `slot` was asked for lead to an inode. What it led to before is no longer in the tree. */
  assign(slot: number, directory: number, inode: number): number {
    const old = this.nodeAt(slot)
    if (old !== NONE && !this.isDirectory(old)) {
      this.inode[old] = inode
      return old
    }
    // A new node for a new identity: the entries of the old directory stay behind with it.
    if (old !== NONE) this.parent[old] = NONE
    const node = this.#add(directory, this.#staged, inode)
    this.#slots[slot] = node + 1
    return node
  }

  isDirectory(node: number): boolean {
    return (this.inodes.mode[this.inode[node]!]! & S_IFMT) === S_IFDIR
  }

  #add(parent: number, nameLength: number, inode: number): number {
    if (this.nodes >= this.#limits.nodes)
      fail('resource_exhausted', `a layer with more than ${this.#limits.nodes} files`)
    if (this.nodes === this.parent.length) this.#grow()
    const node = this.nodes++
    this.parent[node] = parent
    this.name[node] = this.arena.keep(nameLength)
    this.nameLength[node] = nameLength
    this.inode[node] = inode
    return node
  }

  #isStaged(node: number): boolean {
    const { bytes, length } = this.arena
    if (this.nameLength[node] !== this.#staged) return false
    const start = this.name[node]!
    for (let i = 0; i < this.#staged; i++) if (bytes[start + i] !== bytes[length + i]) return false
    return true
  }

  #hash(directory: number, start: number, length: number): number {
    const { bytes } = this.arena
    let hash = Math.imul(directory ^ 0x5bd1e995, this.#multiplier)
    for (let at = start; at < start + length; at++)
      hash = Math.imul(hash ^ (hash >>> 15) ^ bytes[at]!, this.#multiplier)
    return (hash ^ (hash >>> 13)) >>> 0
  }

  #rehash(): void {
    const old = this.#slots
    const grown = new Uint32Array(2 * old.length)
    const mask = grown.length - 1
    for (const entry of old) {
      if (entry === 0) continue
      const node = entry - 1
      let slot = this.#hash(this.parent[node]!, this.name[node]!, this.nameLength[node]!) & mask
      while (grown[slot] !== 0) slot = (slot + 1) & mask
      grown[slot] = entry
    }
    this.#slots = grown
  }

  #grow(): void {
    this.parent = new Uint32Array(doubled(this.parent))
    this.name = new Uint32Array(doubled(this.name))
    this.nameLength = new Uint8Array(doubled(this.nameLength))
    this.inode = new Uint32Array(doubled(this.inode))
  }
}
