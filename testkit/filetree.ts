import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { decodeName, encodeName } from '#codec'
import { AT_FDCWD, applyMounts, FileType, lstat, O, openPath, close, readlinkAt, readXattrs, unmount } from '#sys'
import type { Stat } from '#sys'

/** What there is to know of a file, as one line; equal lines, equal files. */
export type FileTree = Map<string, string>

export interface FileTreeOptions {
  /** Paths whose time is not told. */
  readonly timeless?: ReadonlySet<string>
  /** Xattrs that are not told. */
  readonly ignoreXattrs?: RegExp
}

/**
 * Every path below a directory, the directory itself as `''`: kind, mode, owner, size, time to the nanosecond,
 * links, device, symlink target, xattrs, which names are one file, and the sha256 of what is in it.
 */
export function fileTree(root: string, options: FileTreeOptions = {}): FileTree {
  const tree: FileTree = new Map()
  const groups = new Map<bigint, string>()
  const visit = (path: string): void => {
    const full = path === '' ? root : `${root}/${path}`
    const stat = lstat(full)
    if (!stat) throw new Error(`${full} vanished`)
    tree.set(path, describe(full, path, stat, groups, options))
    if ((stat.mode & FileType.mask) !== FileType.directory) return
    const names = readdirSync(Buffer.from(encodeName(full)), { encoding: 'buffer' })
    for (const name of names.map((bytes) => decodeName(Buffer.from(bytes))).sort())
      visit(path === '' ? name : `${path}/${name}`)
  }
  visit(root === '' ? '/' : '')
  return tree
}

function describe(
  full: string,
  path: string,
  stat: Stat,
  groups: Map<bigint, string>,
  options: FileTreeOptions,
): string {
  const kind = stat.mode & FileType.mask
  const parts = [stat.mode.toString(8), `${stat.uid}:${stat.gid}`, `links ${stat.nlink}`]
  if (!options.timeless?.has(path)) parts.push(`at ${stat.mtime}`)
  if (kind === FileType.chardev || kind === FileType.blockdev) parts.push(`dev ${stat.rdevMajor}:${stat.rdevMinor}`)
  if (kind === FileType.symlink) parts.push(`-> ${Buffer.from(readlinkAt(AT_FDCWD, full)).toString('latin1')}`)
  if (kind === FileType.file) parts.push(`${stat.size} bytes`, sha256(full))
  if (kind !== FileType.directory && stat.nlink > 1) {
    if (!groups.has(stat.ino)) groups.set(stat.ino, path)
    parts.push(`same as ${groups.get(stat.ino)}`)
  }
  const xattrs = readXattrs(full)
  for (const [name, value] of [...xattrs].sort(([a], [b]) => (a < b ? -1 : 1)))
    if (!options.ignoreXattrs?.test(name)) parts.push(`${name}=${Buffer.from(value).toString('hex')}`)
  return parts.join(', ')
}

function sha256(path: string): string {
  const fd = openPath(path, O.RDONLY)
  try {
    return createHash('sha256').update(readFileSync(fd)).digest('hex')
  } finally {
    close(fd)
  }
}

/** Looks into an EROFS image that is mounted for as long as `look` runs. Needs root. */
export function withErofs<T>(image: string, target: string, look: (root: string) => T): T {
  try {
    applyMounts([{ type: 'erofs', source: image, target, loop: false }])
  } catch {
    // Older kernels, and files on tmpfs or overlayfs.
    applyMounts([{ type: 'erofs', source: image, target, loop: true }])
  }
  try {
    return look(target)
  } finally {
    unmount(target)
  }
}
