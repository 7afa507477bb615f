import { BLOCK, DIRENT_SIZE, INODE_SIZE, S_IFDIR, S_IFLNK, S_IFMT, SLOT, ROOT_NID } from './format.ts'
import { Flag } from './inodes.ts'
import type { LayerTree } from './layer.ts'
import { DOT, DOTDOT, NONE, ROOT } from './tree.ts'
import type { Tree } from './tree.ts'

/** Where everything in the metadata goes; offsets count from its beginning. */
export interface Layout {
  /** Live inodes in the order in which they lie. */
  readonly order: Uint32Array
  /** Offset of each inode, in slots: its nid. */
  readonly nid: Uint32Array
  readonly links: Uint32Array
  /** First data block of what does not fit behind its inode, counted from `dataOffset`; NONE if it does fit. */
  readonly block: Uint32Array
  /** Directory nodes, parents before children. */
  readonly directories: Uint32Array
  readonly children: Children
  /** Where the data blocks begin. */
  readonly dataOffset: number
  readonly dataBlocks: number
}

/** The entries of every directory, sorted. */
export interface Children {
  /** Nodes, directory by directory. */
  readonly nodes: Uint32Array
  /** Index of a directory node's first entry. */
  readonly first: Uint32Array
  /** How many a directory node has, `.` and `..` included. */
  readonly count: Uint32Array
}

const NO_XATTRS = new Uint8Array(0)

/** The xattr body of an inode. */
export function xattrsOf(layer: LayerTree, inode: number): Uint8Array {
  const { inodes } = layer.tree
  const flags = inodes.flags[inode]!
  if (inodes.xattrs[inode] === 0 && (flags & (Flag.opaque | Flag.whiteouts)) === 0) return NO_XATTRS
  const marks = { opaque: (flags & Flag.opaque) !== 0, whiteouts: (flags & Flag.whiteouts) !== 0 }
  return layer.xattrs.encode(inodes.xattrs[inode]!, marks)
}

/** Gives each inode that can be reached from the root its place: a directory's entries side by side. */
export function layOut(layer: LayerTree): Layout {
  const { tree } = layer
  const { inodes } = tree
  const children = groupByDirectory(layer)
  const nid = new Uint32Array(inodes.count).fill(NONE)
  const links = new Uint32Array(inodes.count)
  const block = new Uint32Array(inodes.count).fill(NONE)
  const order = new Uint32Array(inodes.count)
  const directories = new Uint32Array(tree.nodes)
  let placed = 0
  let found = 0
  let end = ROOT_NID * SLOT
  let blocks = 0

  const place = (inode: number): void => {
    const size = INODE_SIZE + xattrsOf(layer, inode).length
    const tail = tailSize(tree, inode)
    const start = inlinePlace(end, size, tail, inode === ROOT)
    nid[inode] = (start ?? clearOfEdge(end)) / SLOT
    end = (start ?? clearOfEdge(end)) + size + (start === undefined ? 0 : tail)
    if (start === undefined && tail > 0) {
      block[inode] = blocks
      blocks += Math.ceil(tail / BLOCK)
    }
    order[placed++] = inode
  }
  const visit = (node: number): void => {
    const inode = tree.inode[node]!
    if (tree.isDirectory(node)) {
      inodes.size[inode] = sortDirectory(tree, children, node)
      directories[found++] = node
    }
    if (nid[inode] === NONE) place(inode)
  }

  visit(ROOT)
  for (let next = 0; next < found; next++) {
    const directory = directories[next]!
    const first = children.first[directory]!
    for (let i = first; i < first + children.count[directory]!; i++) {
      const node = children.nodes[i]!
      if (node === DOT) links[tree.inode[directory]!]!++
      else if (node === DOTDOT) links[parentInode(tree, directory)]!++
      else {
        links[tree.inode[node]!]!++
        visit(node)
      }
    }
  }
  // The root's own name is its `..`.
  return {
    order: order.subarray(0, placed),
    nid,
    links,
    block,
    directories: directories.subarray(0, found),
    children,
    dataOffset: Math.ceil(end / BLOCK) * BLOCK,
    dataBlocks: blocks,
  }
}

/** What `..` of a directory leads to. */
export function parentInode(tree: Tree, directory: number): number {
  return directory === ROOT ? ROOT : tree.inode[tree.parent[directory]!]!
}

/** Where an inode goes so that its tail lies within one block; undefined if the tail is too large for that. */
function inlinePlace(end: number, size: number, tail: number, fixed: boolean): number | undefined {
  if (tail > BLOCK - SLOT) return undefined
  for (let start = clearOfEdge(end), tries = 0; tries < (fixed ? 1 : BLOCK / SLOT); tries++, start += SLOT)
    if (((start + size) % BLOCK) + tail <= BLOCK && start === clearOfEdge(start)) return start
  return undefined
}

/** The next slot in which an inode does not cross a block's edge. */
function clearOfEdge(offset: number): number {
  const slot = Math.ceil(offset / SLOT) * SLOT
  return slot % BLOCK === BLOCK - SLOT ? slot + SLOT : slot
}

/** Bytes that the metadata hold for an inode besides itself; a file's are in the tar. */
function tailSize(tree: Tree, inode: number): number {
  const kind = tree.inodes.mode[inode]! & S_IFMT
  return kind === S_IFDIR || kind === S_IFLNK ? tree.inodes.size[inode]! : 0
}

/** Buckets nodes by their parents; those replaced have none and fall out, with all that is in them. */
function groupByDirectory({ tree, absent }: LayerTree): Children {
  const isEntry = (node: number): boolean => tree.parent[node] !== NONE && tree.inode[node] !== absent
  const count = new Uint32Array(tree.nodes)
  let total = 0
  for (let node = 0; node < tree.nodes; node++) {
    if (node === DOT || node === DOTDOT) continue
    if (isEntry(node)) count[tree.parent[node]!]!++
    if (tree.isDirectory(node)) count[node]! += 2
  }
  const first = new Uint32Array(tree.nodes)
  for (let node = 0; node < tree.nodes; node++) {
    first[node] = total
    total += count[node]!
  }
  const nodes = new Uint32Array(total)
  const next = first.slice()
  for (let node = 0; node < tree.nodes; node++) {
    if (node === DOT || node === DOTDOT) continue
    // Parents are older than their entries, so the dots come first.
    if (isEntry(node)) nodes[next[tree.parent[node]!]!++] = node
    if (!tree.isDirectory(node)) continue
    nodes[next[node]!++] = DOT
    nodes[next[node]!++] = DOTDOT
  }
  return { nodes, first, count }
}

/** Sorts a directory's entries; its size. */
function sortDirectory(tree: Tree, children: Children, directory: number): number {
  const first = children.first[directory]!
  const entries = children.nodes.subarray(first, first + children.count[directory]!)
  const { nameLength } = tree
  tree.sort(entries)
  let full = 0
  let used = 0
  for (let i = 0; i < entries.length; i++) {
    const size = DIRENT_SIZE + nameLength[entries[i]!]!
    if (used + size > BLOCK) {
      full++
      used = 0
    }
    used += size
  }
  return full * BLOCK + used
}
