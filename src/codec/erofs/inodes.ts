import { NANOS } from '../time.ts'
import type { Nanoseconds } from '../types.ts'
import { doubled } from './arena.ts'

/** What is the same for each kind of inode. */
export interface InodeFields {
  /** Kind and permissions. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtime: Nanoseconds
  /** Number of a set in the layer's xattrs; 0 is none. */
  readonly xattrs: number
}

/** Bits of a directory's flags. */
export const Flag = {
  /** No member describes it. */
  implied: 1,
  opaque: 2,
  /** Has whiteouts among its entries. */
  whiteouts: 4,
} as const

/**
 * Inodes in columns: a layer may have a million, and an object each would cost five times as much.
 * An inode is known by its number, from 0 up.
 */
export class Inodes {
  count = 0
  mode: Uint16Array<ArrayBuffer> = new Uint16Array(1024)
  uid: Uint32Array<ArrayBuffer> = new Uint32Array(1024)
  gid: Uint32Array<ArrayBuffer> = new Uint32Array(1024)
  seconds: BigInt64Array<ArrayBuffer> = new BigInt64Array(1024)
  nanos: Uint32Array<ArrayBuffer> = new Uint32Array(1024)
  size: Float64Array<ArrayBuffer> = new Float64Array(1024)
  /** File: its first block. Device: its number. Symlink: where its target is in the arena. Directory: its node. */
  data: Uint32Array<ArrayBuffer> = new Uint32Array(1024)
  xattrs: Uint32Array<ArrayBuffer> = new Uint32Array(1024)
  flags: Uint8Array<ArrayBuffer> = new Uint8Array(1024)

  add(fields: InodeFields, size: number, data: number): number {
    if (this.count === this.mode.length) this.#grow()
    const inode = this.count++
    this.set(inode, fields)
    this.size[inode] = size
    this.data[inode] = data
    return inode
  }

  /** Describes an inode anew; what it holds stays. */
  set(inode: number, fields: InodeFields): void {
    this.mode[inode] = fields.mode
    this.uid[inode] = fields.uid
    this.gid[inode] = fields.gid
    const seconds = fields.mtime / NANOS
    const nanos = Number(fields.mtime - seconds * NANOS)
    // Division rounds to zero, the file system to the past.
    this.seconds[inode] = nanos < 0 ? seconds - 1n : seconds
    this.nanos[inode] = nanos < 0 ? nanos + 1e9 : nanos
    this.xattrs[inode] = fields.xattrs
  }

  #grow(): void {
    this.mode = new Uint16Array(doubled(this.mode))
    this.uid = new Uint32Array(doubled(this.uid))
    this.gid = new Uint32Array(doubled(this.gid))
    this.seconds = new BigInt64Array(doubled(this.seconds))
    this.nanos = new Uint32Array(doubled(this.nanos))
    this.size = new Float64Array(doubled(this.size))
    this.data = new Uint32Array(doubled(this.data))
    this.xattrs = new Uint32Array(doubled(this.xattrs))
    this.flags = new Uint8Array(doubled(this.flags))
  }
}
