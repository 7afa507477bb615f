import { readFileSync, statSync } from 'node:fs'
import { isErrno } from './errno.ts'
import { realKernel, type Kernel } from './kernel.ts'
import { inUserNamespace } from './usernamespace.ts'
import type { BindMount, ErofsMount, Mount } from './types.ts'

const MS_RDONLY = 1
const MS_NOSUID = 2
const MS_NODEV = 4
const MS_BIND = 4096
export const MS_REC = 16384
export const MS_SLAVE = 0x80000
const MNT_DETACH = 2
const UMOUNT_NOFOLLOW = 8

/**
 * Makes mounts in order, their mount points included. All or none: when one fails, those made
 * before it are taken down again and the error of the failing one is thrown. An EROFS that is
 * mounted at its target already is left as it is: roots share their layers' mounts.
 */
export function applyMounts(mounts: readonly Mount[], kernel: Kernel = realKernel): void {
  const made: string[] = []
  try {
    for (const mount of mounts) {
      apply(mount, kernel, made)
    }
  } catch (error) {
    for (const target of made.reverse()) kernel.unmount(target, MNT_DETACH | UMOUNT_NOFOLLOW)
    throw error
  }
}

function apply(mount: Mount, kernel: Kernel, made: string[]): void {
  if (mount.type === 'erofs' && kernel.isErofs(mount.target)) return
  kernel.makeTarget(mount.target, mount.type === 'bind' && !isDirectory(mount.source) ? 'file' : 'directory')
  if (mount.type === 'erofs') mountErofs(mount, kernel)
  else if (mount.type === 'overlay') kernel.overlay(mount)
  else if (mount.type === 'tmpfs') kernel.mount('tmpfs', mount.target, 'tmpfs', MS_NOSUID | MS_NODEV, mount.options)
  else return bind(mount, kernel, made)
  made.push(mount.target)
}

function mountErofs(mount: ErofsMount, kernel: Kernel): void {
  if (!mount.loop) return kernel.mount(mount.source, mount.target, 'erofs', MS_RDONLY)
  using device = kernel.attachLoop(mount.source)
  kernel.mount(device.path, mount.target, 'erofs', MS_RDONLY)
}

function bind(mount: BindMount, kernel: Kernel, made: string[]): void {
  kernel.mount(mount.source, mount.target, null, MS_BIND | (mount.recursive ? MS_REC : 0))
  made.push(mount.target)
  if (mount.readonly) kernel.setReadonly(mount.target, mount.recursive)
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? true
}

export interface UnmountOptions {
  /** Out of sight now, gone when its last user is (MNT_DETACH). */
  readonly lazy?: boolean
}

/** Unmounts the topmost mount on a path; false when nothing is mounted there. */
export function unmount(target: string, options: UnmountOptions = {}, kernel: Kernel = realKernel): boolean {
  try {
    kernel.unmount(target, UMOUNT_NOFOLLOW | (options.lazy ? MNT_DETACH : 0))
    return true
  } catch (error) {
    if (isErrno(error, 'EINVAL', 'ENOENT')) return false
    // Root of a user namespace has no say in the host's mounts, so nothing of its own can be among them.
    if (isErrno(error, 'EPERM') && inUserNamespace()) return false
    throw error
  }
}

/** Mount points in this process's namespace, in the order they were made. */
export function mountPoints(): string[] {
  const unescape = (path: string): string =>
    path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
  return readFileSync('/proc/thread-self/mountinfo', 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => unescape(line.split(' ')[4] ?? ''))
}
