import { posix } from 'node:path'
import { fail } from '#base'
import { decodeName } from '#codec'
import type { FilePlace } from '#snapshot'
import { close, FileType, isErrno, O, openIn, readlinkAt, statAt, type Stat } from '#sys'

/** What a path means inside a root: the file there, or the place where one could be. */
export interface Place extends FilePlace, Disposable {
  /** Undefined: nothing is there, yet. */
  readonly stat: Stat | undefined
  /** The directory that the name is in, as a path from the root; of a directory that is named by `.` or `/` itself. */
  readonly path: string
}

/** As many as Linux follows. */
const MAX_SYMLINKS = 40

/** `/`, `.` or `..` at its end: the path names a directory, and what a symlink leads to rather than the link. */
export function assertsDirectory(path: string): boolean {
  return /(^|\/)\.{0,2}$/.test(path)
}

/**
 * Finds a path in the root `root`, each step by the kernel and inside it. A symlink at its end is followed on request, one
 * to nothing included: it names the place where the file would be. Undefined when a directory on the way is missing.
 */
export function findPlace(root: number, path: string, options: { readonly follow: boolean }): Place | undefined {
  let at = path
  for (let hops = 0; hops <= MAX_SYMLINKS; hops++) {
    const found = lookAt(root, at)
    if (!found?.stat || !options.follow || kind(found.stat) !== FileType.symlink) return found
    const target = decodeName(readlinkAt(found.directory, found.name))
    at = target.startsWith('/') ? target : `${found.path}/${target}`
    found[Symbol.dispose]()
  }
  return fail('invalid_argument', `${path}: too many symlinks on its path`)
}

function lookAt(root: number, path: string): Place | undefined {
  const whole = assertsDirectory(path)
  const name = whole ? '.' : posix.basename(path)
  const parent = whole ? path : posix.dirname(path)
  let directory: number
  try {
    directory = openIn(root, parent, O.PATH | O.DIRECTORY)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    if (isErrno(error, 'ENOTDIR')) return fail('invalid_argument', `${path}: not a directory`)
    throw error
  }
  return { directory, name, stat: statAt(directory, name), path: parent, [Symbol.dispose]: () => close(directory) }
}

/** S_IFMT bits. */
export function kind({ mode }: Stat): number {
  return mode & FileType.mask
}

export function isDirectory(stat: Stat | undefined): boolean {
  return stat !== undefined && kind(stat) === FileType.directory
}
