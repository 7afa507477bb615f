import { cstring, syscall, trySyscall } from './syscall.ts'

const AT_FDCWD = -100
const AT_EMPTY_PATH = 0x1000
const AT_RECURSIVE = 0x8000
const OPEN_TREE_CLONE = 1
const OPEN_TREE_CLOEXEC = 0o2000000
const MOVE_MOUNT_F_EMPTY_PATH = 0x4
const MOVE_MOUNT_T_EMPTY_PATH = 0x40
const MOUNT_ATTR_RDONLY = 1n

/**
 * Binds `source`, with all that is mounted below it, over the open file or directory `target`: no path leads there, so
 * nobody can make it lead elsewhere. Read-only from the first moment on, if at all.
 */
export function bindOver(source: string, target: number, options: { readonly readonly?: boolean } = {}): void {
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE
  const tree = syscall('open_tree', source, AT_FDCWD, cstring(source), flags)
  try {
    if (options.readonly) {
      const attributes = new BigUint64Array([MOUNT_ATTR_RDONLY, 0n, 0n, 0n])
      const whole = AT_EMPTY_PATH | AT_RECURSIVE
      syscall('mount_setattr', source, tree, cstring(''), whole, attributes, attributes.byteLength)
    }
    const both = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH
    syscall('move_mount', source, tree, cstring(''), target, cstring(''), both)
  } finally {
    trySyscall('close', tree)
  }
}
