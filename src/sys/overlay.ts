import { kernelError, errnoNumber } from './errno.ts'
import { O, openPath } from './openat.ts'
import { cstring, syscall, trySyscall } from './syscall.ts'
import type { OverlayMount } from './types.ts'

const FSCONFIG_SET_FLAG = 0
const FSCONFIG_SET_STRING = 1
const FSCONFIG_CMD_CREATE = 6
const FSOPEN_CLOEXEC = 1
const FSMOUNT_CLOEXEC = 1
const MOVE_MOUNT_F_EMPTY_PATH = 4
const MOUNT_ATTR_RDONLY = 1
const AT_FDCWD = -100
const MS_RDONLY = 1

/** fsconfig takes strings of at most this many bytes. */
const FSCONFIG_STRING = 255

/**
 * What every overlay of ours says, whatever the module's defaults: a directory renamed or a mode
 * changed is copied up whole, so that the upper directory alone tells what changed; and redirects
 * that a hostile layer might hold are not followed.
 */
const FIXED: readonly (readonly [string, string])[] = [
  ['redirect_dir', 'nofollow'],
  ['metacopy', 'off'],
  ['index', 'off'],
]

/**
 * Mounts an overlay through fsopen and one `lowerdir+` per layer: mount(2) takes 4 KiB of options
 * and silently drops the rest. Where `lowerdir+` is unknown (before Linux 6.7), by mount(2) with
 * short `/proc/self/fd/N` names for the directories.
 */
export function mountOverlay(mount: OverlayMount): void {
  const paths = [...mount.lower, ...(mount.upper === undefined ? [] : [mount.upper, mount.work ?? ''])]
  if (paths.every((path) => Buffer.byteLength(path) <= FSCONFIG_STRING) && byFsopen(mount)) return
  byMount(mount)
}

/** False when this kernel knows no fsopen or `lowerdir+`. */
function byFsopen(mount: OverlayMount): boolean {
  if (checksOptions === false) return false
  const context = trySyscall('fsopen', cstring('overlay'), FSOPEN_CLOEXEC)
  if (context < 0) {
    if (context === -errnoNumber('ENOSYS')) return false
    throw kernelError('fsopen', -context, 'overlay')
  }
  try {
    const refuse = (call: string, errno: number): never => {
      throw kernelError(call, errno, `overlay on ${mount.target}`, messages(context))
    }
    if (!(checksOptions ??= refusesNonsense(context))) return false
    for (const [index, [key, value]] of settings(mount).entries()) {
      const result = configure(context, key, value)
      if (index === 0 && result === -errnoNumber('EINVAL')) return false
      if (result < 0) refuse(`fsconfig ${key}`, -result)
    }
    const created = trySyscall('fsconfig', context, FSCONFIG_CMD_CREATE, null, null, 0)
    if (created < 0) refuse('fsconfig create', -created)
    const attributes = mount.upper === undefined ? MOUNT_ATTR_RDONLY : 0
    const tree = syscall('fsmount', `overlay on ${mount.target}`, context, FSMOUNT_CLOEXEC, attributes)
    try {
      const target = cstring(mount.target)
      syscall('move_mount', mount.target, tree, cstring(''), AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH)
    } finally {
      trySyscall('close', tree)
    }
    return true
  } finally {
    trySyscall('close', context)
  }
}

/**
 * Before Linux 6.5 overlayfs read no option before the mount was created: fsconfig took any word for one, `lowerdir+`
 * too, and creating it failed (Linux 6.1, Debian 12). Asked of the context that is then used, which the refusal leaves
 * as it was: closing one that was not waits for every processor, 0.2 to 0.8 ms.
 */
function refusesNonsense(context: number): boolean {
  const refused = configure(context, 'cairn-asks') < 0
  // The complaint about it would stand before the next one.
  messages(context)
  return refused
}

let checksOptions: boolean | undefined

/** In order; the first is a `lowerdir+`, so that its refusal tells an old kernel. */
function settings(mount: OverlayMount): (readonly [string, string?])[] {
  return [
    ...mount.lower.map((path) => ['lowerdir+', path] as const),
    ...directories(mount),
    ...FIXED,
    ...flags(mount).map((flag) => [flag] as const),
  ]
}

function directories(mount: OverlayMount): (readonly [string, string])[] {
  if (mount.upper === undefined) return []
  return [
    ['upperdir', mount.upper],
    ['workdir', mount.work ?? ''],
  ]
}

function flags(mount: OverlayMount): string[] {
  return [
    ...(mount.volatile && mount.upper !== undefined ? ['volatile'] : []),
    ...(mount.userxattr ? ['userxattr'] : []),
  ]
}

function configure(context: number, key: string, value?: string): number {
  return value === undefined
    ? trySyscall('fsconfig', context, FSCONFIG_SET_FLAG, cstring(key), null, 0)
    : trySyscall('fsconfig', context, FSCONFIG_SET_STRING, cstring(key), cstring(value), 0)
}

/** What the file system said about its refusal: lines like `e overlay: …`. */
function messages(context: number): string {
  const buffer = Buffer.alloc(1024)
  const lines: string[] = []
  for (let tries = 0; tries < 8; tries++) {
    const length = trySyscall('read', context, buffer, buffer.length)
    if (length <= 0) break
    lines.push(buffer.toString('utf8', 2, length).trim())
  }
  return lines.join('; ')
}

function byMount(mount: OverlayMount): void {
  const open: number[] = []
  const short = (path: string): string => {
    const fd = openPath(path, O.PATH | O.DIRECTORY)
    open.push(fd)
    return `/proc/self/fd/${fd}`
  }
  try {
    const options = [
      `lowerdir=${mount.lower.map(short).join(':')}`,
      ...directories(mount).map(([key, path]) => `${key}=${short(path)}`),
      ...FIXED.map(([key, value]) => `${key}=${value}`),
      ...flags(mount),
    ]
    const data = cstring(options.join(','))
    const attributes = mount.upper === undefined ? MS_RDONLY : 0
    const overlay = cstring('overlay')
    syscall('mount', `overlay on ${mount.target}`, overlay, cstring(mount.target), overlay, attributes, data)
  } finally {
    for (const fd of open) trySyscall('close', fd)
  }
}
