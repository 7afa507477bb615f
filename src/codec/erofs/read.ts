import { fail } from '#base'
import { decodeName } from '../names.ts'
import { NANOS } from '../time.ts'
import type { EntryType } from '../types.ts'
import {
  BLOCK,
  BLOCK_BITS,
  DataLayout,
  decodeDevice,
  DIRENT_SIZE,
  EROFS_TAR_OFFSET,
  INODE_SIZE,
  MAGIC,
  MAX_TARGET,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  SLOT,
  SUPERBLOCK_OFFSET,
  superblockChecksum,
} from './format.ts'
import type { ErofsDirent, ErofsImage, ErofsNode, ErofsSource } from './types.ts'
import { xattrName } from './xattrs.ts'

const TYPES: ReadonlyMap<number, ErofsNode['type']> = new Map<number, Exclude<EntryType, 'hardlink'>>([
  [S_IFREG, 'file'],
  [S_IFDIR, 'directory'],
  [S_IFLNK, 'symlink'],
  [S_IFCHR, 'chardev'],
  [S_IFBLK, 'blockdev'],
  [S_IFIFO, 'fifo'],
])

/** What reading a node's data and xattrs takes, besides what everybody may know of it. */
interface Inode extends ErofsNode {
  readonly layout: number
  readonly xattrSize: number
  /** First block, of a plain inode. */
  readonly block: number
}

/** Opens an image; see {@link ErofsImage}. The superblock's checksum is verified, and nothing else yet. */
export function openErofs(source: ErofsSource): ErofsImage {
  return new Image(source)
}

class Image implements ErofsImage {
  readonly root: ErofsNode
  readonly inodes: number
  readonly uuid: Uint8Array
  readonly #source: ErofsSource
  readonly #metaOffset: number

  constructor(source: ErofsSource) {
    this.#source = source
    if (source.size < EROFS_TAR_OFFSET) damaged('it is too short')
    const block = this.#read(SUPERBLOCK_OFFSET, BLOCK)
    const view = viewOf(block)
    if (view.getUint32(0, true) !== MAGIC) damaged('it has no superblock')
    if (view.getUint32(4, true) !== superblockChecksum(block)) damaged('its superblock does not match its checksum')
    if (view.getUint8(12) !== BLOCK_BITS || view.getUint32(80, true) !== 0 || view.getUint16(86, true) !== 0)
      fail('unimplemented', 'EROFS image with features that layers do not have')
    this.inodes = Number(view.getBigUint64(16, true))
    this.uuid = block.slice(48, 64)
    this.#metaOffset = view.getUint32(40, true) * BLOCK
    this.root = this.node(view.getUint16(14, true))
    if (this.root.type !== 'directory') damaged('its root is no directory')
  }

  node(nid: number): ErofsNode {
    return this.#inode(nid)
  }

  *list(directory: ErofsNode): Generator<ErofsDirent, void, void> {
    const inode = this.#inode(directory.nid)
    if (inode.type !== 'directory') fail('invalid_argument', `EROFS inode ${inode.nid} is no directory`)
    const start = this.#dataOffset(inode)
    for (let at = 0; at < inode.size; at += BLOCK)
      yield* direntsOf(this.#read(start + at, Math.min(BLOCK, inode.size - at)))
  }

  lookup(path: string): ErofsNode | undefined {
    let node = this.root
    for (const name of path.split('/')) {
      if (name === '' || name === '.') continue
      if (node.type !== 'directory') return undefined
      const nid = this.#find(node, name)
      if (nid === undefined) return undefined
      node = this.node(nid)
    }
    return node
  }

  *walk(): Generator<{ readonly path: string; readonly node: ErofsNode }, void, void> {
    const entered = new Set<number>([this.root.nid])
    const pending: { path: string; node: ErofsNode }[] = [{ path: '', node: this.root }]
    yield { path: '', node: this.root }
    for (let next = pending.pop(); next; next = pending.pop()) {
      const prefix = next.path === '' ? '' : `${next.path}/`
      for (const { name, nid } of this.list(next.node)) {
        const found = { path: prefix + name, node: this.node(nid) }
        if (found.node.type === 'directory') {
          if (entered.has(nid)) damaged(`directory ${nid} is in two places`)
          entered.add(nid)
          pending.push(found)
        }
        yield found
      }
    }
  }

  readlink(symlink: ErofsNode): string {
    const inode = this.#inode(symlink.nid)
    if (inode.type !== 'symlink') fail('invalid_argument', `EROFS inode ${inode.nid} is no symlink`)
    if (inode.size > MAX_TARGET) damaged(`symlink ${inode.nid} is too long`)
    return decodeName(this.#read(this.#dataOffset(inode), inode.size))
  }

  xattrs(node: ErofsNode): Map<string, Uint8Array> {
    const inode = this.#inode(node.nid)
    const found = new Map<string, Uint8Array>()
    if (inode.xattrSize === 0) return found
    const body = this.#read(this.#inodeOffset(inode.nid) + INODE_SIZE, inode.xattrSize)
    if (body[4] !== 0) fail('unimplemented', 'EROFS image with shared extended attributes')
    for (let at = 12; at < body.length;) {
      const nameEnd = at + 4 + (body[at] ?? 0)
      const end = nameEnd + (body[at + 2] ?? 0) + 256 * (body[at + 3] ?? 0)
      if (end > body.length) damaged(`extended attributes of inode ${inode.nid} exceed their place`)
      const name = xattrName(body[at + 1]!, decodeName(body, at + 4, nameEnd))
      if (name !== undefined) found.set(name, Uint8Array.from(body.subarray(nameEnd, end)))
      at = (end + 3) & ~3
    }
    return found
  }

  extent(file: ErofsNode): { readonly offset: number; readonly length: number } {
    const inode = this.#inode(file.nid)
    if (inode.type !== 'file') fail('invalid_argument', `EROFS inode ${inode.nid} is no file`)
    return { offset: inode.size === 0 ? 0 : this.#dataOffset(inode), length: inode.size }
  }

  #inode(nid: number): Inode {
    const view = viewOf(this.#read(this.#inodeOffset(nid), INODE_SIZE))
    const format = view.getUint16(0, true)
    const layout = (format >> 1) & 7
    if ((format & 1) === 0 || (layout !== DataLayout.plain && layout !== DataLayout.inline))
      fail('unimplemented', `EROFS inode ${nid} of a format that layers do not have`)
    const icount = view.getUint16(2, true)
    const mode = view.getUint16(4, true)
    const type = TYPES.get(mode & S_IFMT) ?? damaged(`inode ${nid} is of no known kind`)
    const nanos = view.getUint32(40, true)
    if (nanos >= 1e9) damaged(`inode ${nid} has an impossible time`)
    const raw = view.getUint32(16, true)
    const device = type === 'chardev' || type === 'blockdev' ? decodeDevice(raw) : { major: 0, minor: 0 }
    return {
      nid,
      type,
      mode: mode & 0o7777,
      uid: view.getUint32(24, true),
      gid: view.getUint32(28, true),
      mtime: view.getBigInt64(32, true) * NANOS + BigInt(nanos),
      size: Number(view.getBigUint64(8, true)),
      links: view.getUint32(44, true),
      devmajor: device.major,
      devminor: device.minor,
      layout,
      xattrSize: icount === 0 ? 0 : 12 + 4 * (icount - 1),
      block: raw,
    }
  }

  #inodeOffset(nid: number): number {
    return this.#metaOffset + nid * SLOT
  }

  /** Where an inode's data begin, having made sure that they lie within the file. */
  #dataOffset(inode: Inode): number {
    const inline = inode.layout === DataLayout.inline
    const offset = inline ? this.#inodeOffset(inode.nid) + INODE_SIZE + inode.xattrSize : inode.block * BLOCK
    if (offset + inode.size > this.#source.size) damaged(`data of inode ${inode.nid} lie beyond its end`)
    if (inline && (offset % BLOCK) + inode.size > BLOCK) damaged(`data of inode ${inode.nid} cross a block's edge`)
    return offset
  }

  #find(directory: ErofsNode, name: string): number | undefined {
    for (const entry of this.list(directory)) if (entry.name === name) return entry.nid
    return undefined
  }

  #read(offset: number, length: number): Buffer {
    const bytes = Buffer.alloc(length)
    if (offset + length > this.#source.size || this.#source.read(bytes, offset) !== length)
      damaged(`it ends before byte ${offset + length}`)
    return bytes
  }
}

/** The entries of one block of a directory. */
function* direntsOf(block: Buffer): Generator<ErofsDirent, void, void> {
  const count = block.length < DIRENT_SIZE ? 0 : block.readUInt16LE(8) / DIRENT_SIZE
  if (!Number.isInteger(count) || count === 0 || count * DIRENT_SIZE > block.length) damaged('a directory is malformed')
  for (let i = 0; i < count; i++) {
    const start = block.readUInt16LE(i * DIRENT_SIZE + 8)
    const limit = i + 1 < count ? block.readUInt16LE((i + 1) * DIRENT_SIZE + 8) : block.length
    if (start < count * DIRENT_SIZE || limit <= start || limit > block.length) damaged('a directory is malformed')
    // A block that is not the last is filled up with zeros.
    const zero = i + 1 < count ? -1 : block.subarray(start, limit).indexOf(0)
    const name = decodeName(block, start, zero < 0 ? limit : start + zero)
    if (name === '' || name.includes('/') || name.includes('\0')) damaged('a directory has an impossible name')
    if (name !== '.' && name !== '..') yield { name, nid: Number(block.readBigUInt64LE(i * DIRENT_SIZE)) }
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

function damaged(why: string): never {
  return fail('data_loss', `EROFS image is damaged: ${why}`)
}
