/** Nanoseconds since the epoch, negative before it. Tar's PAX times and the kernel's agree on this unit. */
export type Nanoseconds = bigint

/** What a member of a layer can be; sockets are in no archive. */
export type EntryType = 'file' | 'hardlink' | 'symlink' | 'chardev' | 'blockdev' | 'directory' | 'fifo'

/** One member of a tar archive, with every header form (ustar, PAX, GNU) already folded in. */
export interface TarEntry {
  readonly type: EntryType
  /** As written in the archive, less trailing slashes; not yet made safe. See `safePath`. */
  readonly path: string
  /** Permission, setuid, setgid and sticky bits: at most 0o7777. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly uname?: string
  readonly gname?: string
  readonly mtime: Nanoseconds
  /** Bytes of content as the reader of the file sees them (a sparse file's holes included). */
  readonly size: number
  /** Target of a symlink or hardlink, as written. */
  readonly linkname?: string
  readonly devmajor?: number
  readonly devminor?: number
  /** Extended attributes by full name (`security.capability`), values raw. */
  readonly xattrs?: ReadonlyMap<string, Uint8Array>
  /** Data segments of a sparse member; the rest of `size` reads as zeros. */
  readonly sparse?: readonly SparseSegment[]
}

/** Bytes of a sparse file that the archive holds; what lies between segments are zeros. */
export interface SparseSegment {
  /** Where in the file. */
  readonly offset: number
  readonly length: number
}

/** An entry at its place in the archive: what the EROFS writer and lazy readers point at. */
export interface TarMember extends TarEntry {
  /** Byte offset, in the uncompressed archive, of the member's stored data. */
  readonly dataOffset: number
  /** Bytes stored in the archive: `size`, unless sparse. */
  readonly storedSize: number
}

/** What a hostile archive may cost at most. Exceeding one is `resource_exhausted`. */
export interface TarLimits {
  /** Bytes of one extended header (PAX records, GNU long name). Default 1 MiB. */
  readonly headerBytes?: number
  /** Members in one archive. Default 4,000,000. */
  readonly entries?: number
  /** Bytes of the whole archive. Default 1 TiB. */
  readonly totalBytes?: number
  /** Let members pass that are no directories and have no name: some archives' root. Default: they are malformed. */
  readonly nameless?: boolean
}
