import { closeSync } from 'node:fs'
import { kernelError } from './errno.ts'
import { cstring, syscall, trySyscall } from './syscall.ts'

/** Closes a descriptor that a call of this room returned. */
export function close(fd: number): void {
  closeSync(fd)
}

const F_GETFL = 3
const F_SETFL = 4
const O_NONBLOCK = 0o4000
const O_CLOEXEC = 0o2000000

export function setNonBlocking(fd: number, on: boolean): void {
  const flags = syscall('fcntl', `fd ${fd}`, fd, F_GETFL)
  syscall('fcntl', `fd ${fd}`, fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK)
}

/** A pipe whose ends close on exec: hand them to a child by stdio. A real pipe, unlike `stdio: 'pipe'`. */
export function pipe(): { readonly read: number; readonly write: number } {
  const fds = new Int32Array(2)
  syscall('pipe2', '', fds, O_CLOEXEC)
  return { read: fds[0] as number, write: fds[1] as number }
}

/** Makes the descriptor `to` another of `from`'s file, in one step: whoever opens `to` by its number finds the old or the new. */
export function redirect(from: number, to: number): void {
  syscall('dup3', `fd ${from} to ${to}`, from, to, O_CLOEXEC)
}

/** An anonymous file in memory, closed on exec. */
export function memfd(name: string): number {
  return syscall('memfd_create', name, cstring(name), 1)
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
  proc: 0x9fa0,
  sysfs: 0x62656572,
  cgroup: 0x27e0eb,
  devpts: 0x1cd1,
  mqueue: 0x19800202,
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
