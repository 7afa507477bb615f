import { posix } from 'node:path'
import { close, isErrno, O, openIn, readlinkAt } from '#sys'

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
