import { SortedNames } from '#codec'
import { close, eachName, FileType, isErrno, O, openIn, statAt, unlinkAt } from '#sys'

/** Opens a directory entry for listing; never through a symlink, never out of `parent`. */
export function openDirectory(parent: number, name: string): number {
  return openIn(parent, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW, { scope: 'beneath', noSymlinks: true })
}

/** The names in an open directory, in bytewise order, decoded as every name here. */
export function namesIn(directory: number): SortedNames {
  const names = new SortedNames()
  eachName(directory, (bytes, start, end) => names.add(bytes, start, end))
  return names
}

/** A path by which calls without an `at` form reach an entry; its last component is not followed by `l…` calls. */
export function reach(directory: number, name: string): string {
  return `/proc/self/fd/${directory}/${name}`
}

/** Removes an entry with everything below it; absent already is no error. */
export function removeTree(parent: number, name: string): void {
  const stat = statAt(parent, name)
  if (!stat) return
  if ((stat.mode & FileType.mask) !== FileType.directory) return unlinkAt(parent, name)
  const directory = openDirectory(parent, name)
  try {
    for (const child of namesIn(directory)) removeTree(directory, child)
  } finally {
    close(directory)
  }
  unlinkAt(parent, name, { directory: true })
}

export function isDirectoryEntry(parent: number, name: string): boolean {
  return ((statAt(parent, name)?.mode ?? 0) & FileType.mask) === FileType.directory
}

/**
 * The value of `work` on a directory inside `root`, or undefined when there is none at that path.
 * A symlink as the last component is followed on request only.
 */
export function withDirectory<T>(
  root: number,
  path: string,
  work: (directory: number) => T,
  options: { readonly follow?: boolean } = {},
): T | undefined {
  let directory: number
  try {
    directory = openIn(root, path, O.RDONLY | O.DIRECTORY | (options.follow ? 0 : O.NOFOLLOW))
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined
    throw error
  }
  try {
    return work(directory)
  } finally {
    close(directory)
  }
}
