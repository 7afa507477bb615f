import { posix } from 'node:path'
import { close, FileType, isErrno, O, openIn, openPath, readlinkAt, statAt, type Stat } from '#sys'

/** As many symlinks as the kernel follows. */
const MAX_LINKS = 40

/**
 * Whether looking up `path` inside a root may come to one of `mounts`, which are not made yet: then what
 * is there now says nothing about what will be. Mount points are looked up as well, so that
 * one behind a symlink counts where it really lies.
 */
export function mayPass(root: number, path: string, mounts: readonly string[]): boolean {
  const points = new Set(mounts.map((mount) => [...steps(root, mount)].at(-1) ?? '/'))
  for (const step of steps(root, path)) if (points.has(step)) return true
  return false
}

/**
 * The path in a root file system where something is to be mounted or made: where symlinks lead that point to nothing yet,
 * as /var/run does to a /run that an image lacks. Runtimes make what is missing of a path, but not behind such a link.
 * `mounts` come first: what they may hide or bring is not looked at.
 */
export function placeIn(rootfs: string, path: string, mounts: readonly string[] = []): string {
  const root = openPath(rootfs, O.PATH | O.DIRECTORY)
  try {
    if (statIn(root, path) || mayPass(root, path, mounts)) return path
    return [...steps(root, path)].at(-1) ?? '/'
  } finally {
    close(root)
  }
}

/** Permission bits of a directory in a root file system; undefined where there is none. */
export function directoryMode(rootfs: string, path: string): number | undefined {
  const root = openPath(rootfs, O.PATH | O.DIRECTORY)
  try {
    const { mode } = statIn(root, path) ?? { mode: 0 }
    return (mode & FileType.mask) === FileType.directory ? mode & 0o7777 : undefined
  } finally {
    close(root)
  }
}

/** What lies at a path inside a root, symlinks followed; undefined where nothing does. */
export function statIn(root: number, path: string): Stat | undefined {
  try {
    const fd = openIn(root, path, O.PATH)
    try {
      return statAt(fd, '')
    } finally {
      close(fd)
    }
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG')) return undefined
    throw error
  }
}

/** Every path that a lookup stands on, symlinks followed; the last is where it arrives. */
function* steps(root: number, path: string): Generator<string, void, void> {
  let left = path.split('/').filter(Boolean)
  let at = '/'
  for (let links = 0; left.length > 0;) {
    const next = posix.join(at, left[0]!)
    const target = linkTarget(root, next)
    if (target === undefined || links++ >= MAX_LINKS) {
      yield (at = next)
      left = left.slice(1)
    } else {
      left = [...posix.resolve(at, target).split('/').filter(Boolean), ...left.slice(1)]
      at = '/'
    }
  }
}

/** Where a symlink points; undefined for anything else, also for what is not there. */
function linkTarget(root: number, path: string): string | undefined {
  try {
    const fd = openIn(root, path, O.PATH | O.NOFOLLOW)
    try {
      return Buffer.from(readlinkAt(fd, '')).toString()
    } finally {
      close(fd)
    }
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EINVAL', 'ELOOP', 'ENAMETOOLONG')) return undefined
    throw error
  }
}
