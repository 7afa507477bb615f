import { BLOCK, DataLayout, DIRENT_SIZE, direntType, INODE_SIZE, S_IFDIR, S_IFLNK, S_IFMT, SLOT } from './format.ts'
import type { LayerTree } from './layer.ts'
import { parentInode, xattrsOf } from './layout.ts'
import type { Layout } from './layout.ts'
import type { Output } from './output.ts'
import { DOT, DOTDOT, NONE } from './tree.ts'

/** Writes inodes, then the directories and targets that did not fit behind them, from the output's position on. */
export function emitMetadata(layer: LayerTree, layout: Layout, output: Output): void {
  const base = output.position
  const firstBlock = (base + layout.dataOffset) / BLOCK
  // By index: the iterator of a typed array costs more than the work in this loop.
  for (let index = 0; index < layout.order.length; index++) {
    const inode = layout.order[index]!
    output.skipTo(base + layout.nid[inode]! * SLOT)
    emitInode(layer, layout, output, inode, index + 1, firstBlock)
    if (layout.block[inode] === NONE) emitTail(layer, layout, output, inode)
  }
  for (let index = 0; index < layout.order.length; index++) {
    const inode = layout.order[index]!
    if (layout.block[inode] === NONE) continue
    output.skipTo(base + layout.dataOffset + layout.block[inode]! * BLOCK)
    emitTail(layer, layout, output, inode)
  }
  output.skipTo(base + layout.dataOffset + layout.dataBlocks * BLOCK)
}

function emitInode(
  layer: LayerTree,
  layout: Layout,
  output: Output,
  inode: number,
  number: number,
  firstBlock: number,
): void {
  const { inodes } = layer.tree
  const xattrs = xattrsOf(layer, inode)
  const at = output.take(INODE_SIZE)
  const { view } = output
  const mode = inodes.mode[inode]!
  const inMetadata = (mode & S_IFMT) === S_IFDIR || (mode & S_IFMT) === S_IFLNK
  const inline = inMetadata && layout.block[inode] === NONE
  view.setUint16(at, 1 | ((inline ? DataLayout.inline : DataLayout.plain) << 1), true)
  view.setUint16(at + 2, xattrs.length === 0 ? 0 : 1 + (xattrs.length - 12) / 4, true)
  view.setUint16(at + 4, mode, true)
  const size = inodes.size[inode]!
  view.setUint32(at + 8, size >>> 0, true)
  view.setUint32(at + 12, size / 2 ** 32, true)
  const data = inMetadata ? (inline ? 0 : firstBlock + layout.block[inode]!) : inodes.data[inode]!
  view.setUint32(at + 16, data, true)
  view.setUint32(at + 20, number, true)
  view.setUint32(at + 24, inodes.uid[inode]!, true)
  view.setUint32(at + 28, inodes.gid[inode]!, true)
  view.setBigInt64(at + 32, inodes.seconds[inode]!, true)
  view.setUint32(at + 40, inodes.nanos[inode]!, true)
  view.setUint32(at + 44, layout.links[inode]!, true)
  if (xattrs.length > 0) output.write(xattrs)
}

function emitTail(layer: LayerTree, layout: Layout, output: Output, inode: number): void {
  const { inodes, arena } = layer.tree
  const kind = inodes.mode[inode]! & S_IFMT
  const data = inodes.data[inode]!
  if (kind === S_IFDIR) emitDirectory(layer, layout, output, data)
  else if (kind === S_IFLNK) output.write(arena.bytes.subarray(data, data + inodes.size[inode]!))
}

/** Blocks of entries, each with their names behind them; the last block ends with its last name. */
function emitDirectory(layer: LayerTree, layout: Layout, output: Output, directory: number): void {
  const { name, nameLength } = layer.tree
  const names = layer.tree.arena.bytes
  const { children } = layout
  const { bytes, view } = output
  const end = children.first[directory]! + children.count[directory]!
  for (let first = children.first[directory]!; first < end;) {
    let used = 0
    let last = first
    for (; last < end; last++) {
      const size = DIRENT_SIZE + nameLength[children.nodes[last]!]!
      if (used + size > BLOCK) break
      used += size
    }
    const at = output.take(last < end ? BLOCK : used)
    let nameAt = DIRENT_SIZE * (last - first)
    for (let i = first; i < last; i++) {
      const node = children.nodes[i]!
      const inode = inodeOf(layer, directory, node)
      const entry = at + DIRENT_SIZE * (i - first)
      view.setUint32(entry, layout.nid[inode]!, true)
      view.setUint16(entry + 8, nameAt, true)
      view.setUint8(entry + 10, direntType(layer.tree.inodes.mode[inode]!))
      const start = name[node]!
      const length = nameLength[node]!
      for (let k = 0; k < length; k++) bytes[at + nameAt + k] = names[start + k]!
      nameAt += length
    }
    first = last
  }
}

function inodeOf(layer: LayerTree, directory: number, node: number): number {
  if (node === DOT) return layer.tree.inode[directory]!
  return node === DOTDOT ? parentInode(layer.tree, directory) : layer.tree.inode[node]!
}
