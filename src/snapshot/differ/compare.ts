import { readSync } from 'node:fs'
import { fail, type ByteStream, type Call } from '#base'
import {
  decodeName,
  opaquePath,
  parseWhiteout,
  splitPath,
  whiteoutPath,
  writeTar,
  type EntryType,
  type TarEntry,
  type TarInput,
} from '#codec'
import {
  close,
  fileSystem,
  FileSystemMagic,
  FileType,
  getXattr,
  listXattrs,
  O,
  openIn,
  openPath,
  readlinkAt,
  statAt,
  type Stat,
} from '#sys'
import type { CompareOptions, FilePlace } from '../types.ts'
import { isOpaque, isOverlayXattr, isWhiteout } from './overlayfs.ts'
import { isDirectoryEntry, namesIn, openDirectory, reach, withDirectory } from './tree.ts'

/**
 * The layer that an overlay's upper directory is. Synchronous reads only: the caller may stand in
 * a mount namespace that the thread pool does not share. Each directory is opened beneath its
 * parent without following symlinks, so a container that still runs cannot lead the walk astray.
 */
export function compareTar(upper: string, options: CompareOptions = {}, call?: Call): ByteStream {
  return writeTar(entriesOf(upper, options), call)
}

interface Walk {
  /** What overlayfs means by a name, a device or an attribute becomes what a layer says for it; else files are copied as they are. */
  readonly layer: boolean
  readonly exclude: ReadonlySet<string>
  readonly time: (mtime: bigint) => bigint
  /** Where each inode with several names was written first. */
  readonly links: Map<string, string>
  readonly lower: readonly number[] | undefined
}

function* entriesOf(upper: string, options: CompareOptions): Generator<TarInput, void, void> {
  const lower: number[] = []
  const root = openPath(upper, O.RDONLY | O.DIRECTORY)
  try {
    for (const path of options.lower ?? []) lower.push(openPath(path, O.PATH | O.DIRECTORY))
    const walk: Walk = {
      layer: true,
      exclude: new Set(options.exclude),
      time: timeOf(options),
      links: new Map(),
      lower: options.lower && lower,
    }
    const stat = statAt(root, '') ?? fail('not_found', `no directory ${upper}`)
    if ((stat.mode & 0o7777) !== 0o755 || stat.uid !== 0 || stat.gid !== 0)
      yield { entry: directoryEntry('', root, stat, walk) }
    yield* contentsOf(root, '', walk)
  } finally {
    for (const fd of [root, ...lower]) close(fd)
  }
}

/** See {@link Differ.archive}. */
export function archiveTar({ directory, name }: FilePlace, as: string, call?: Call): ByteStream {
  const walk: Walk = { layer: false, exclude: new Set(), time: (mtime) => mtime, links: new Map(), lower: undefined }
  const stat = statAt(directory, name) ?? fail('not_found', `${name} is not there any more`)
  return writeTar(entryOf(directory, { name, path: as, stat }, walk), call)
}

const { proc, sysfs, cgroup, cgroup2, devpts, mqueue } = FileSystemMagic
const KERNELS: ReadonlySet<number> = new Set([proc, sysfs, cgroup, cgroup2, devpts, mqueue])

/** A directory whose files the kernel makes up as they are read: their sizes are not theirs, and they are no one's to copy. */
function isKernels(directory: number): boolean {
  return KERNELS.has(fileSystem(`/proc/self/fd/${directory}`).type)
}

function timeOf(options: CompareOptions): (mtime: bigint) => bigint {
  if (options.clamp === undefined) return (mtime) => mtime
  const limit = BigInt(Math.floor(options.clamp)) * 1_000_000_000n
  const since = BigInt(Math.floor(options.since ?? options.clamp)) * 1_000_000_000n
  return options.force ? () => limit : (mtime) => (mtime > since ? limit : mtime)
}

interface Named {
  readonly name: string
  readonly path: string
  readonly stat: Stat
}

/** Whiteouts before their siblings (image-spec layer.md asks for it), the rest in bytewise order. */
function* contentsOf(directory: number, path: string, walk: Walk): Generator<TarInput, void, void> {
  const names = namesIn(directory)
  const entries: (Named | string)[] = []
  for (const name of names) {
    const child = joined(path, name)
    const stat = walk.exclude.has(child) ? undefined : statAt(directory, name)
    if (!stat) continue
    if (walk.layer && parseWhiteout(child))
      fail('invalid_argument', `a layer cannot hold ${JSON.stringify(child)}: the name is a whiteout's`, {
        hint: 'rename or remove it',
      })
    if (walk.layer && isWhiteout(stat)) yield { entry: marker(whiteoutPath(child), walk) }
    else entries.push(names.length > FEW ? name : { name, path: child, stat })
  }
  for (const entry of entries) {
    const named = typeof entry === 'string' ? namedIn(directory, path, entry, walk) : entry
    if (named) yield* entryOf(directory, named, walk)
  }
}

/** What is known of the entries of larger directories is not kept between the two looks at them. */
const FEW = 1024

function namedIn(directory: number, path: string, name: string, { layer }: Walk): Named | undefined {
  const stat = statAt(directory, name)
  return stat && !(layer && isWhiteout(stat)) ? { name, path: joined(path, name), stat } : undefined
}

function joined(path: string, name: string): string {
  return path === '' ? name : `${path}/${name}`
}

function* entryOf(parent: number, { name, path, stat }: Named, walk: Walk): Generator<TarInput, void, void> {
  const type = entryType(stat)
  if (type === undefined) return // a socket: it means something only to the process that listens
  if (type === 'directory') return yield* directoryOf(parent, { name, path, stat }, walk)
  const entry = common(path, type, stat, reach(parent, name), walk)
  if (stat.nlink > 1) {
    const inode = `${stat.dev} ${stat.ino}`
    const first = walk.links.get(inode)
    if (first !== undefined) return yield { entry: { ...entry, type: 'hardlink', linkname: first, size: 0 } }
    walk.links.set(inode, path)
  }
  if (type === 'file') yield* fileOf(parent, name, entry, walk)
  else if (type === 'symlink') yield { entry: { ...entry, linkname: target(parent, name) } }
  else if (type === 'fifo') yield { entry }
  else yield { entry: { ...entry, devmajor: stat.rdevMajor, devminor: stat.rdevMinor } }
}

function* directoryOf(parent: number, { name, path, stat }: Named, walk: Walk): Generator<TarInput, void, void> {
  const directory = openDirectory(parent, name)
  try {
    yield { entry: directoryEntry(path, directory, stat, walk) }
    if (!walk.layer && isKernels(directory)) return
    if (walk.layer && isOpaque(directory) && hidesSomething(path, walk)) yield { entry: marker(opaquePath(path), walk) }
    yield* contentsOf(directory, path, walk)
  } finally {
    close(directory)
  }
}

function* fileOf(parent: number, name: string, entry: TarEntry, { layer }: Walk): Generator<TarInput, void, void> {
  const fd = layer ? openFile(parent, name, O.RDONLY | O.NONBLOCK) : openSeen(parent, name, entry.path)
  try {
    const stat = statAt(fd, '')
    if (!stat || entryType(stat) !== 'file') fail('failed_precondition', `${entry.path} changed while it was read`)
    yield { entry: { ...entry, size: stat.size }, data: content(fd, stat.size, entry.path) }
  } finally {
    close(fd)
  }
}

function openFile(parent: number, name: string, flags: number): number {
  return openIn(parent, name, flags | O.NOFOLLOW, { scope: 'beneath', noSymlinks: true })
}

/** Opens what is certain to be a file: a running container may put a device there, and to open one can do anything. */
function openSeen(parent: number, name: string, path: string): number {
  const seen = openFile(parent, name, O.PATH)
  try {
    if (entryType(statAt(seen, '')!) !== 'file') fail('failed_precondition', `${path} changed while it was read`)
    return openPath(`/proc/self/fd/${seen}`, O.RDONLY)
  } finally {
    close(seen)
  }
}

const CHUNK = 1 << 20
/** Read and taken one after the other. */
const small = new Uint8Array(16 << 10)

/** Exactly `size` bytes: what a file gains meanwhile is left out, what it loses is an error. */
function* content(fd: number, size: number, path: string): Generator<Uint8Array, void, void> {
  const buffer = size <= small.length ? small : new Uint8Array(Math.min(size, CHUNK))
  for (let left = size; left > 0;) {
    const length = readSync(fd, buffer, 0, Math.min(left, buffer.length), null)
    if (length === 0)
      fail('failed_precondition', `${path} shrank while it was read`, { hint: 'pause what writes to it' })
    yield buffer.subarray(0, length)
    left -= length
  }
}

// --- entries

function common(path: string, type: EntryType, stat: Stat, at: string | number, walk: Walk): TarEntry {
  const xattrs = xattrsOf(at)
  return {
    type,
    path,
    mode: type === 'symlink' ? 0o777 : stat.mode & 0o7777,
    uid: stat.uid,
    gid: stat.gid,
    mtime: walk.time(stat.mtime),
    size: 0,
    ...(xattrs.size > 0 && { xattrs }),
  }
}

function directoryEntry(path: string, directory: number, stat: Stat, walk: Walk): TarEntry {
  return common(path, 'directory', stat, directory, walk)
}

/** An empty file whose name is the message. */
function marker(path: string, walk: Walk): TarEntry {
  return { type: 'file', path, mode: 0, uid: 0, gid: 0, mtime: walk.time(0n), size: 0 }
}

/** Everything that makes the file what it is; not what this host's security modules wrote on it. */
function xattrsOf(target: string | number): Map<string, Uint8Array> {
  const xattrs = new Map<string, Uint8Array>()
  for (const name of listXattrs(target).sort()) {
    if (isOverlayXattr(name) || HOST_XATTRS.has(name)) continue
    const value = getXattr(target, name)
    if (value) xattrs.set(name, value)
  }
  return xattrs
}

const HOST_XATTRS = new Set(['security.selinux', 'security.ima', 'security.evm', 'security.SMACK64'])

function entryType(stat: Stat): EntryType | undefined {
  switch (stat.mode & FileType.mask) {
    case FileType.file:
      return 'file'
    case FileType.directory:
      return 'directory'
    case FileType.symlink:
      return 'symlink'
    case FileType.chardev:
      return 'chardev'
    case FileType.blockdev:
      return 'blockdev'
    case FileType.fifo:
      return 'fifo'
    default:
      return undefined
  }
}

function target(parent: number, name: string): string {
  return decodeName(readlinkAt(parent, name))
}

// --- what overlayfs wrote

/**
 * overlayfs marks every directory that it makes in a merged one opaque, to spare itself lookups. A
 * marker goes into the layer only where a layer below has a directory to hide, so that what a
 * kernel optimises does not show in a digest. Unknown layers below: always.
 */
function hidesSomething(path: string, walk: Walk): boolean {
  if (!walk.lower) return true
  const [parent, name] = splitPath(path)
  const below = (root: number): boolean | undefined =>
    withDirectory(root, parent, (directory) => isDirectoryEntry(directory, name))
  return walk.lower.some((root) => below(root) === true)
}
