import type { Digest } from '#oci'
import type { EntryType, Nanoseconds, TarEntry, TarLimits } from '../types.ts'

/** The file that an image is written into: new, empty, and not yet anybody's. `fileSink` makes one of a descriptor. */
export interface ErofsSink {
  /** All of `bytes` at `position`; valid during the call only. What is skipped over reads as zeros. */
  write(bytes: Uint8Array, position: number): void
  /** Fills `bytes` from what has been written; the number of bytes, less only at the end. */
  read(bytes: Uint8Array, position: number): number
}

/** Bytes to read an image from. */
export interface ErofsSource {
  /** Fills `bytes` from `position`; the number of bytes, less only at the end. */
  read(bytes: Uint8Array, position: number): number
  /** Bytes in all. */
  readonly size: number
}

/** What a layer may ask for, beside a tar's own limits; more is `resource_exhausted`. */
export interface ErofsLimits extends TarLimits {
  /** Files, directories and whiteouts, those included that no member names. Default 4,000,000. */
  readonly nodes?: number
  /** Bytes of names, symlink targets and distinct xattrs, which are held in memory. Default 256 MiB. */
  readonly nameBytes?: number
  /** Bytes of files that cannot stay in the tar: sparse ones with their holes. Default 64 GiB. */
  readonly copiedBytes?: number
}

/** What the file is, once written. */
export interface ErofsSummary {
  /** sha256 of the tar: the layer's diff ID. */
  readonly diffId: Digest
  /** Bytes of the tar, which begins at {@link EROFS_TAR_OFFSET}. */
  readonly tarSize: number
  readonly fileSize: number
  /** sha256 of what is not the tar: the bytes before it, then the bytes behind it. */
  readonly metaDigest: Digest
  readonly inodes: number
  readonly quirks: LayerQuirks
}

/**
 * What a layer says about the layers below it that a file system alone cannot express. Whoever lays
 * this layer over others looks here; a layer at the bottom needs nothing.
 */
export interface LayerQuirks {
  /**
   * Directories that members lie in but that no member describes: 0755, owned by root, time 0. Over a layer
   * that has them they hide its owner, mode, time and xattrs; over a symlink there they hide the symlink.
   * The root is `''`. Without those inside a directory that hides what is below anyway; that directory itself
   * counts, since a path through a symlink below may have led to it.
   */
  readonly impliedDirectories: readonly string[]
  /** Hard links whose target is not in this layer; they are missing in the image. */
  readonly absentLinks: readonly AbsentLink[]
  /** The root is opaque: nothing below this layer shows. overlayfs does not look for this on a layer's root. */
  readonly opaqueRoot: boolean
  /**
   * A directory gave way to something else within the layer, which then says nothing of it. Where a layer below has
   * a symlink of that name, or in that directory, what was put through it is there.
   */
  readonly replacedDirectory: boolean
}

/** A hard link whose target is not in its layer. */
export interface AbsentLink {
  /** Where the link belongs, as `safePath` has it, this layer's symlinks followed. */
  readonly path: string
  /** What it is a link to, as `safePath` has it. */
  readonly target: string
}

/** A tar entry with its bytes at hand, for images that are made without a tar. */
export interface ErofsInput {
  /** Whiteouts and opaque markers as in a tar, by their names. */
  readonly entry: TarEntry
  /** Exactly `entry.size` bytes if it is a file of more than none; nothing else has data. */
  readonly data?: Iterable<Uint8Array>
}

/** A file as its inode describes it. */
export interface ErofsNode {
  /** Its number: equal for two names of one file. */
  readonly nid: number
  readonly type: Exclude<EntryType, 'hardlink'>
  /** Permission, setuid, setgid and sticky bits. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtime: Nanoseconds
  readonly size: number
  readonly links: number
  readonly devmajor: number
  readonly devminor: number
}

/** An entry of a directory. */
export interface ErofsDirent {
  readonly name: string
  readonly nid: number
}

/**
 * An image read without the kernel's help. Nothing in it is trusted: what does not hold together is `data_loss`,
 * what {@link createErofsWriter} does not write (compression, chunks, shared xattrs) is `unimplemented`.
 */
export interface ErofsImage {
  readonly root: ErofsNode
  /** Inodes, as the superblock has it. */
  readonly inodes: number
  readonly uuid: Uint8Array
  node(nid: number): ErofsNode
  /** Entries of a directory in their order, `.` and `..` left out. */
  list(directory: ErofsNode): Generator<ErofsDirent, void, void>
  /** The file at a relative path, symlinks not followed; undefined if there is none. */
  lookup(path: string): ErofsNode | undefined
  /** Every path with its file, the root as `''` first; a directory that is entered twice is `data_loss`. */
  walk(): Generator<{ readonly path: string; readonly node: ErofsNode }, void, void>
  readlink(symlink: ErofsNode): string
  xattrs(node: ErofsNode): Map<string, Uint8Array>
  /** Where a file's bytes lie, all in one piece. */
  extent(file: ErofsNode): { readonly offset: number; readonly length: number }
}
