import { closeSync } from 'node:fs'
import { kernelError } from './errno.ts'
import { cstring, syscall, trySyscall } from './syscall.ts'

/** Closes a descriptor that a call of this room returned. */
export function close(fd: number): void {
  closeSync(fd)
}

const F_GETFD = 1
const F_SETFD = 2
const F_GETFL = 3
const F_SETFL = 4
const F_SETPIPE_SZ = 1031
const FD_CLOEXEC = 1
const O_NONBLOCK = 0o4000

/** Whether the descriptor is closed in programs that this one starts. */
export function setCloseOnExec(fd: number, on: boolean): void {
  const flags = syscall('fcntl', `fd ${fd}`, fd, F_GETFD)
  syscall('fcntl', `fd ${fd}`, fd, F_SETFD, on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC)
}

export function setNonBlocking(fd: number, on: boolean): void {
  const flags = syscall('fcntl', `fd ${fd}`, fd, F_GETFL)
  syscall('fcntl', `fd ${fd}`, fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK)
}

/** Asks for a pipe buffer of at least `bytes`; the kernel may refuse a large one, which is no error. */
export function setPipeSize(fd: number, bytes: number): void {
  trySyscall('fcntl', fd, F_SETPIPE_SZ, bytes)
}

/** A pipe whose ends close on exec: hand them to a child by stdio. A real pipe, unlike `stdio: 'pipe'`. */
export function pipe(): { readonly read: number; readonly write: number } {
  const fds = new Int32Array(2)
  syscall('pipe2', '', fds, O_CLOEXEC)
  return { read: fds[0] as number, write: fds[1] as number }
}
const O_CLOEXEC = 0o2000000

/** An anonymous file in memory, closed on exec. */
export function memfd(name: string): number {
  return syscall('memfd_create', name, cstring(name), 1)
}

/** Copies up to `length` bytes inside the kernel, sharing extents where it can; the number copied (0 at the end). */
export function copyFileRange(from: number, fromOffset: number, to: number, toOffset: number, length: number): number {
  const offsets = new BigInt64Array([BigInt(fromOffset), BigInt(toOffset)])
  return syscall('copy_file_range', '', from, offsets.subarray(0, 1), to, offsets.subarray(1, 2), length, 0)
}

const SYNC_FILE_RANGE_WRITE = 2

/** Starts writing dirty pages of a range to disk without waiting, so that a later fdatasync is short. */
export function startWriteback(fd: number, offset: number, length: number): void {
  trySyscall('sync_file_range', fd, offset, length, SYNC_FILE_RANGE_WRITE)
}

/** What statfs(2) says of the file system under a path. */
export interface FileSystemInfo {
  /** Magic number: see {@link FileSystemMagic}. */
  readonly type: number
  readonly blockSize: number
  /** Bytes that an unprivileged process may still take. */
  readonly available: number
  readonly total: number
  readonly freeInodes: number
}

export const FileSystemMagic = {
  tmpfs: 0x01021994,
  overlayfs: 0x794c7630,
  erofs: 0xe0f5e1e2,
  cgroup2: 0x63677270,
  ext4: 0xef53,
  nfs: 0x6969,
  nsfs: 0x6e736673,
} as const

export function fileSystem(path: string): FileSystemInfo {
  const buffer = new BigUint64Array(15)
  const result = trySyscall('statfs', cstring(path), buffer)
  if (result < 0) throw kernelError('statfs', -result, path)
  const word = (index: number): number => Number(buffer[index] ?? 0n)
  return {
    type: word(0) >>> 0,
    blockSize: word(1),
    total: word(2) * word(1),
    available: word(4) * word(1),
    freeInodes: word(6),
  }
}
