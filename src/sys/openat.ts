import { constants } from 'node:fs'
import { kernelError, errnoNumber } from './errno.ts'
import { cstring, shortLived, syscall, trySyscall } from './syscall.ts'

/** open(2) flags, right for this architecture. */
export const O = {
  RDONLY: 0,
  WRONLY: 1,
  RDWR: 2,
  CREAT: 0o100,
  EXCL: 0o200,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
  DIRECTORY: constants.O_DIRECTORY as number,
  NOFOLLOW: constants.O_NOFOLLOW as number,
  CLOEXEC: 0o2000000,
  PATH: 0o10000000,
} as const

export const AT_FDCWD = -100
const AT_SYMLINK_NOFOLLOW = 0x100
const AT_REMOVEDIR = 0x200
const AT_EMPTY_PATH = 0x1000
const RENAME_NOREPLACE = 1

const RESOLVE_NO_MAGICLINKS = 0x02
const RESOLVE_NO_SYMLINKS = 0x04
const RESOLVE_BENEATH = 0x08
const RESOLVE_IN_ROOT = 0x10

/** How many times a lookup that raced with a rename is made again before the error stands. */
const RACE_RETRIES = 128

export interface OpenInOptions {
  readonly mode?: number
  /** `in-root` (default): `/` and `..` in path and symlinks mean the root, as under chroot. `beneath`: leaving it is an error. */
  readonly scope?: 'in-root' | 'beneath'
  /** No symlink in any component. */
  readonly noSymlinks?: boolean
}

/**
 * Opens a path inside a root directory; the kernel keeps the whole lookup inside, symlinks
 * included, against any race. `root` is a path or a directory's descriptor. Closed on exec.
 */
export function openIn(root: number | string, path: string, flags: number, options: OpenInOptions = {}): number {
  const rootFd = typeof root === 'number' ? root : openPath(root, O.PATH | O.DIRECTORY)
  const scope = options.scope === 'beneath' ? RESOLVE_BENEATH : RESOLVE_IN_ROOT
  const resolve = scope | RESOLVE_NO_MAGICLINKS | (options.noSymlinks ? RESOLVE_NO_SYMLINKS : 0)
  const mode = flags & O.CREAT ? (options.mode ?? 0o600) : 0
  try {
    const name = shortLived(path || '.')
    const how = openHow(flags, mode, resolve)
    for (let tries = 0; ; tries++) {
      const result = trySyscall('openat2', rootFd, name, how, how.byteLength)
      if (result >= 0) return result
      if (-result !== errnoNumber('EAGAIN') || tries >= RACE_RETRIES) throw kernelError('openat2', -result, path)
    }
  } finally {
    if (typeof root === 'string') syscall('close', root, rootFd)
  }
}

/** Opens a path as it is, from the working directory. Closed on exec. */
export function openPath(path: string, flags: number, mode = 0o600): number {
  const how = openHow(flags, flags & O.CREAT ? mode : 0, 0)
  return syscall('openat2', path, AT_FDCWD, cstring(path), how, how.byteLength)
}

/** `struct open_how`: three 64-bit words, whose upper halves stay zero. Filled anew for every call. */
const howWords = new Uint32Array(6)

function openHow(flags: number, mode: number, resolve: number): Uint32Array {
  howWords[0] = flags | O.CLOEXEC
  howWords[2] = mode
  howWords[4] = resolve
  return howWords
}

export function mkdirAt(dir: number, name: string, mode: number): void {
  syscall('mkdirat', name, dir, cstring(name), mode)
}

/** A device, fifo or socket; `mode` holds the S_IF bits. */
export function mknodAt(dir: number, name: string, mode: number, major = 0, minor = 0): void {
  syscall('mknodat', name, dir, cstring(name), mode, deviceNumber(major, minor))
}

export function symlinkAt(target: string, dir: number, name: string): void {
  syscall('symlinkat', name, cstring(target), dir, cstring(name))
}

export function linkAt(fromDir: number, from: string, toDir: number, to: string): void {
  syscall('linkat', `${from} to ${to}`, fromDir, cstring(from), toDir, cstring(to), 0)
}

export function unlinkAt(dir: number, name: string, options: { readonly directory?: boolean } = {}): void {
  syscall('unlinkat', name, dir, cstring(name), options.directory ? AT_REMOVEDIR : 0)
}

/** Renames; with `exclusive`, `already_exists` instead of replacing. */
export function renameAt(
  fromDir: number,
  from: string,
  toDir: number,
  to: string,
  options: { readonly exclusive?: boolean } = {},
): void {
  const flags = options.exclusive ? RENAME_NOREPLACE : 0
  syscall('renameat2', `${from} to ${to}`, fromDir, cstring(from), toDir, cstring(to), flags)
}

/** Owner of the entry itself, never of what a symlink points at. */
export function chownAt(dir: number, name: string, uid: number, gid: number): void {
  syscall('fchownat', name, dir, cstring(name), uid, gid, AT_SYMLINK_NOFOLLOW)
}

/** Mode of the entry itself. By its descriptor, for fchmodat(2) would follow a symlink that somebody else put there meanwhile. */
export function chmodAt(dir: number, name: string, mode: number): void {
  const fd = openIn(dir, name, O.PATH | O.NOFOLLOW, { scope: 'beneath' })
  try {
    syscall('fchmodat', name, AT_FDCWD, cstring(`/proc/self/fd/${fd}`), mode)
  } finally {
    syscall('close', name, fd)
  }
}

/** Access and modification time in nanoseconds since the epoch, of the entry itself. */
export function setTimesAt(dir: number, name: string, mtime: bigint, atime: bigint = mtime): void {
  const times = new BigInt64Array([...timespec(atime), ...timespec(mtime)])
  syscall('utimensat', name, dir, cstring(name), times, AT_SYMLINK_NOFOLLOW)
}

/** {@link setTimesAt} of the open file itself (not opened with `O.PATH`). */
export function setTimes(fd: number, mtime: bigint, atime: bigint = mtime): void {
  syscall('utimensat', `fd ${fd}`, fd, null, new BigInt64Array([...timespec(atime), ...timespec(mtime)]), 0)
}

const BILLION = 1_000_000_000n

function timespec(ns: bigint): [bigint, bigint] {
  const rest = ((ns % BILLION) + BILLION) % BILLION
  return [(ns - rest) / BILLION, rest]
}

const PATH_MAX = 4096

/** Where a symlink points, as bytes: decode them as a name. */
export function readlinkAt(dir: number, name: string): Uint8Array {
  const buffer = Buffer.alloc(PATH_MAX)
  const length = syscall('readlinkat', name, dir, shortLived(name), buffer, buffer.length)
  return buffer.subarray(0, length)
}

/** What one getdents64(2) is given: about a thousand entries. */
const entries = new Uint8Array(32 << 10)
/** Of a `struct linux_dirent64`: its own length, and its name, which a NUL ends. */
const ENTRY_LENGTH = 16
const ENTRY_NAME = 19
const DOT = 0x2e

/**
 * Tells the names in a directory (opened for reading) from its beginning on, in the file system's order, without `.` and
 * `..`: bytes in a buffer that is the caller's during the call only.
 */
export function eachName(directory: number, take: (bytes: Uint8Array, start: number, end: number) => void): void {
  syscall('lseek', `fd ${directory}`, directory, 0, 0)
  for (;;) {
    const filled = syscall('getdents64', `fd ${directory}`, directory, entries, entries.length)
    if (filled === 0) return
    for (let at = 0; at < filled; at += entries[at + ENTRY_LENGTH]! | (entries[at + ENTRY_LENGTH + 1]! << 8)) {
      const start = at + ENTRY_NAME
      let end = start
      while (entries[end] !== 0) end++
      const isDots = entries[start] === DOT && (end === start + 1 || (end === start + 2 && entries[start + 1] === DOT))
      if (!isDots) take(entries, start, end)
    }
  }
}

/** What statx(2) says. Times in nanoseconds since the epoch. */
export interface Stat {
  /** Type (S_IFMT) and permission bits. */
  readonly mode: number
  readonly nlink: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  /** Bytes allocated on disk. */
  readonly allocated: number
  readonly ino: bigint
  /** The device it lies on, as `major:minor`. */
  readonly dev: string
  readonly rdevMajor: number
  readonly rdevMinor: number
  readonly mtime: bigint
  readonly ctime: bigint
}

const STATX_BASIC = 0x7ff
const statx = new DataView(new ArrayBuffer(256))
const statxBytes = new Uint8Array(statx.buffer)

/** Of the entry itself (lstat); undefined when there is none. An empty name is the descriptor's own file. */
export function statAt(dir: number, name: string): Stat | undefined {
  const flags = AT_SYMLINK_NOFOLLOW | (name === '' ? AT_EMPTY_PATH : 0)
  const result = trySyscall('statx', dir, shortLived(name), flags, STATX_BASIC, statxBytes)
  if (result === -errnoNumber('ENOENT') || result === -errnoNumber('ENOTDIR')) return undefined
  if (result < 0) throw kernelError('statx', -result, name || `fd ${dir}`)
  const word = (at: number): number => statx.getUint32(at, true)
  const time = (at: number): bigint => statx.getBigInt64(at, true) * BILLION + BigInt(word(at + 8))
  return {
    mode: statx.getUint16(28, true),
    nlink: word(16),
    uid: word(20),
    gid: word(24),
    size: Number(statx.getBigUint64(40, true)),
    allocated: Number(statx.getBigUint64(48, true)) * 512,
    ino: statx.getBigUint64(32, true),
    dev: deviceName(word(136), word(140)),
    rdevMajor: word(128),
    rdevMinor: word(132),
    mtime: time(112),
    ctime: time(96),
  }
}

let device: { readonly major: number; readonly minor: number; readonly name: string } | undefined

/** Files of a tree mostly lie on one device: its name is made once. */
function deviceName(major: number, minor: number): string {
  if (device?.major !== major || device.minor !== minor) device = { major, minor, name: `${major}:${minor}` }
  return device.name
}

/** {@link statAt} by path from the working directory. */
export function lstat(path: string): Stat | undefined {
  return statAt(AT_FDCWD, path)
}

/** S_IFMT and its values. */
export const FileType = {
  mask: 0o170000,
  socket: 0o140000,
  symlink: 0o120000,
  file: 0o100000,
  blockdev: 0o060000,
  directory: 0o040000,
  chardev: 0o020000,
  fifo: 0o010000,
} as const

/** dev_t in the kernel's own 32-bit encoding, which mknod takes. */
export function deviceNumber(major: number, minor: number): number {
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0
}
