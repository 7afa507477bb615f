import { fail } from '#base'
import { Arena, compareBytes, doubled } from './arena.ts'

/** No node, no inode. */
export const NONE = 0xffffffff
/** The root's node and inode. */
export const ROOT = 0

const NAME_MAX = 255

export interface TreeLimits {
  readonly nodes: number
  readonly nameBytes: number
}

/**
 * Names in directories, in columns: 30 bytes each besides the name. A node is a name in a directory, which is a node.
 * Nodes are found by a hash over (directory, name), open addressing.
 */
export class NameTree {
  readonly arena: Arena
  nodes = 0
  /** NONE for a node that has been replaced. */
  parent: Uint32Array<ArrayBuffer> = new Uint32Array(1024)
  name: Uint32Array<ArrayBuffer> = new Uint32Array(1024)
  nameLength: Uint8Array<ArrayBuffer> = new Uint8Array(1024)
  readonly #limits: TreeLimits
  /** Node + 1 by slot; 0 is free. */
  #slots: Uint32Array<ArrayBuffer> = new Uint32Array(4096)
  /** Odd and drawn by lot, so that nobody can prepare names that collide. */
  readonly #multiplier = Math.floor(Math.random() * 0x7fffffff) * 2 + 1
  #staged = 0

  constructor(limits: TreeLimits) {
    this.#limits = limits
    this.arena = new Arena(limits.nameBytes)
    this.append(NONE, 0)
  }

  /**
   * Where a name of a directory is or belongs; stays good until the next call. Between this and `add`
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

  /** Lets go of what finds names, when none is looked for any more. */
  seal(): void {
    this.#slots.buffer.transfer(0)
  }

  nodeAt(slot: number): number {
    return this.#slots[slot] === 0 ? NONE : this.#slots[slot]! - 1
  }

  nameOf(node: number): string {
    return this.arena.text(this.name[node]!, this.nameLength[node]!)
  }

  /** A new node for the name that `slot` was asked for. */
  add(slot: number, directory: number): number {
    const node = this.append(directory, this.#staged)
    this.#slots[slot] = node + 1
    return node
  }

  /** Nodes, those of one directory side by side and in order of their names' bytes: where each directory's begin. */
  byDirectory(): { readonly nodes: Uint32Array; readonly first: Uint32Array } {
    const first = new Uint32Array(this.nodes + 1)
    for (let node = 0; node < this.nodes; node++) if (this.parent[node] !== NONE) first[this.parent[node]! + 1]!++
    for (let node = 0; node < this.nodes; node++) first[node + 1]! += first[node]!
    const nodes = new Uint32Array(first[this.nodes]!)
    const next = first.slice()
    for (let node = 0; node < this.nodes; node++)
      if (this.parent[node] !== NONE) nodes[next[this.parent[node]!]!++] = node
    for (let node = 0; node < this.nodes; node++) this.sort(nodes.subarray(first[node], first[node + 1]))
    return { nodes, first }
  }

  /** Sorts nodes by their names' bytes; nearly always they are. */
  sort(nodes: Uint32Array): void {
    const { name, nameLength } = this
    const { bytes } = this.arena
    const compare = (a: number, b: number): number =>
      compareBytes(bytes, name[a]!, nameLength[a]!, name[b]!, nameLength[b]!)
    for (let i = 1; i < nodes.length; i++) {
      if (compare(nodes[i - 1]!, nodes[i]!) < 0) continue
      nodes.sort(compare)
      return
    }
  }

  protected append(parent: number, nameLength: number): number {
    if (this.nodes >= this.#limits.nodes)
      fail('resource_exhausted', `a layer with more than ${this.#limits.nodes} files`)
    if (this.nodes === this.parent.length) this.#grow()
    const node = this.nodes++
    this.parent[node] = parent
    this.name[node] = this.arena.keep(nameLength)
    this.nameLength[node] = nameLength
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
    // By index: the iterator of a typed array costs more than the work in this loop.
    for (let at = 0; at < old.length; at++) {
      const entry = old[at]!
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
  }
}
