import { errnoNumber, kernelError } from './errno.ts'
import { cstring, trySyscall, type Argument, type Syscall } from './syscall.ts'

/** A path (a final symlink is not followed) or a descriptor. */
export type XattrTarget = string | number

/** XATTR_SIZE_MAX and XATTR_LIST_MAX: the kernel gives and takes no more. */
const LIMIT = 65536
let scratch: Buffer | undefined

function call(onPath: Syscall, onFd: Syscall, target: XattrTarget, ...rest: readonly Argument[]): number {
  return typeof target === 'number' ? trySyscall(onFd, target, ...rest) : trySyscall(onPath, cstring(target), ...rest)
}

/** Full names (`security.capability`); none where the file system has no xattrs. */
export function listXattrs(target: XattrTarget): string[] {
  scratch ??= Buffer.alloc(LIMIT)
  const result = call('llistxattr', 'flistxattr', target, scratch, LIMIT)
  if (result === -errnoNumber('EOPNOTSUPP')) return []
  if (result < 0) throw kernelError('listxattr', -result, String(target))
  return result === 0 ? [] : scratch.toString('utf8', 0, result - 1).split('\0')
}

/** The value; undefined when the file has no such attribute. */
export function getXattr(target: XattrTarget, name: string): Uint8Array | undefined {
  scratch ??= Buffer.alloc(LIMIT)
  const result = call('lgetxattr', 'fgetxattr', target, cstring(name), scratch, LIMIT)
  if (result === -errnoNumber('ENODATA') || result === -errnoNumber('EOPNOTSUPP')) return undefined
  if (result < 0) throw kernelError('getxattr', -result, `${target} ${name}`)
  return new Uint8Array(scratch.subarray(0, result))
}

export function setXattr(target: XattrTarget, name: string, value: Uint8Array): void {
  const result = call('lsetxattr', 'fsetxattr', target, cstring(name), value, value.length, 0)
  if (result < 0) throw kernelError('setxattr', -result, `${target} ${name}`)
}

/** Absent already is no error. */
export function removeXattr(target: XattrTarget, name: string): void {
  const result = call('lremovexattr', 'fremovexattr', target, cstring(name))
  if (result < 0 && result !== -errnoNumber('ENODATA')) throw kernelError('removexattr', -result, `${target} ${name}`)
}

/** Every attribute with its value. */
export function readXattrs(target: XattrTarget): Map<string, Uint8Array> {
  const all = new Map<string, Uint8Array>()
  for (const name of listXattrs(target)) {
    const value = getXattr(target, name)
    if (value) all.set(name, value)
  }
  return all
}
