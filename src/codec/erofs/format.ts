/**
 * EROFS on disk, as much of it as is written and read here: 512-byte blocks, extended inodes, flat data, inline
 * xattrs. All numbers little-endian. Linux Documentation/filesystems/erofs.rst and fs/erofs/erofs_fs.h.
 */

/** Where the tar begins in a layer file: the superblock at 1024 has the page before it. */
export const EROFS_TAR_OFFSET = 4096

export const BLOCK = 512
export const BLOCK_BITS = 9
export const SUPERBLOCK_OFFSET = 1024
export const MAGIC = 0xe0f5e1e2
/** Inodes are numbered by their place in units of this. */
export const SLOT = 32
export const INODE_SIZE = 64
/** A directory entry without its name. */
export const DIRENT_SIZE = 12
/** A symlink's target: PATH_MAX without its NUL. */
export const MAX_TARGET = 4095
/** Block addresses have 32 bits: 2 TiB. */
export const MAX_BLOCKS = 0xffffffff

/** Bits 1–3 of an inode's format. */
export const DataLayout = { plain: 0, inline: 2, chunk: 4 } as const

export const S_IFMT = 0o170000
export const S_IFIFO = 0o010000
export const S_IFCHR = 0o020000
export const S_IFDIR = 0o040000
export const S_IFBLK = 0o060000
export const S_IFREG = 0o100000
export const S_IFLNK = 0o120000

const FEATURE_CHECKSUM = 1
const FEATURE_MTIME = 2

/** Inode number of the root: to the C library an entry of number 0 (`..` of what is in the root) is one that was removed. */
export const ROOT_NID = 1

export interface Superblock {
  readonly inodes: number
  readonly blocks: number
  /** First block of the metadata; the root's inode is the first thing there, at its number. */
  readonly metaBlock: number
  readonly uuid: Uint8Array
}

/** The bytes before the tar. */
export function encodeHead(superblock: Superblock): Uint8Array {
  const head = new Uint8Array(EROFS_TAR_OFFSET)
  const view = new DataView(head.buffer, SUPERBLOCK_OFFSET)
  view.setUint32(0, MAGIC, true)
  view.setUint32(8, FEATURE_CHECKSUM | FEATURE_MTIME, true)
  view.setUint8(12, BLOCK_BITS)
  view.setUint16(14, ROOT_NID, true)
  view.setBigUint64(16, BigInt(superblock.inodes), true)
  view.setUint32(36, superblock.blocks, true)
  view.setUint32(40, superblock.metaBlock, true)
  head.set(superblock.uuid.subarray(0, 16), SUPERBLOCK_OFFSET + 48)
  view.setUint32(4, superblockChecksum(head.subarray(SUPERBLOCK_OFFSET, SUPERBLOCK_OFFSET + BLOCK)), true)
  return head
}

/** Over one block, its own field still (or taken as) zero. */
export function superblockChecksum(block: Uint8Array): number {
  const copy = block.slice()
  copy.fill(0, 4, 8)
  return crc32c(copy)
}

/** CRC-32C begun with all ones and, as EROFS has it, not inverted at the end. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return crc >>> 0
}

/** A device number as inodes hold it; undefined if it has more than 12 bits of major or 20 of minor. */
export function encodeDevice(major: number, minor: number): number | undefined {
  if (major > 0xfff || minor > 0xfffff) return undefined
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0
}

export function decodeDevice(device: number): { readonly major: number; readonly minor: number } {
  return { major: (device >>> 8) & 0xfff, minor: (device & 0xff) | ((device >>> 12) & 0xfff00) }
}

/** What a directory says about an entry's kind. */
export function direntType(mode: number): number {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return 1
    case S_IFDIR:
      return 2
    case S_IFCHR:
      return 3
    case S_IFBLK:
      return 4
    case S_IFIFO:
      return 5
    default:
      return 7
  }
}

export function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit
}
