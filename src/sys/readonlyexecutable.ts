import { close } from './file.ts'
import { cstring, trySyscall } from './syscall.ts'

const AT_FDCWD = -100
const AT_EMPTY_PATH = 0x1000
const OPEN_TREE_CLONE = 1
const OPEN_TREE_CLOEXEC = 0o2000000
const MOUNT_ATTR_RDONLY = 1n

/** A file opened for execution alone. */
export interface ReadonlyExecutable extends Disposable {
  /** Names it for execve(2) while it is open. */
  readonly path: string
}

/**
 * A program by way of a read-only mount of its own that has no place in any tree: what runs from it can be written to by
 * nobody through its `/proc/PID/exe`, and nothing can make that mount writable. Undefined where the kernel has no
 * such mounts or this process no right to them.
 */
export function openReadonlyExecutable(path: string): ReadonlyExecutable | undefined {
  const fd = trySyscall('open_tree', AT_FDCWD, cstring(path), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)
  if (fd < 0) return undefined
  const attributes = new BigUint64Array([MOUNT_ATTR_RDONLY, 0n, 0n, 0n])
  if (trySyscall('mount_setattr', fd, cstring(''), AT_EMPTY_PATH, attributes, attributes.byteLength) < 0) {
    close(fd)
    return undefined
  }
  return { path: `/proc/${process.pid}/fd/${fd}`, [Symbol.dispose]: () => close(fd) }
}
