import { fail } from '#base'
import { encodeName } from './names.ts'

/** PATH_MAX and NAME_MAX of Linux, the former with its NUL. */
const PATH_MAX = 4096
const NAME_MAX = 255

/**
 * The path of a member inside its root: relative, without `.`, empty or `..` components, without a trailing
 * slash; the root itself is `''`. A leading slash means the root, as every extractor of layers has it, and
 * `a/../b` is `b` by the letter. `invalid_argument` if it leaves the root, has a NUL, or is too long for Linux.
 * Symlinks are not looked at: whoever touches a file system still resolves beneath its root by the kernel.
 */
export function safePath(path: string): string {
  // Most archives of directories begin every name so.
  const bare = path.startsWith('./') ? path.slice(2) : path
  if (isPlain(bare)) return bare
  if (path.includes('\0')) refuse(path, 'contains a NUL')
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.pop() === undefined) refuse(path, 'leaves its root')
  }
  const safe = parts.join('/')
  checkLengths(safe, path)
  return safe
}

/** The directory that a safe path lies in, and its name there; of the root both are `''`. */
export function splitPath(path: string): readonly [directory: string, name: string] {
  const slash = path.lastIndexOf('/')
  return [path.slice(0, Math.max(0, slash)), path.slice(slash + 1)]
}

/** True for what `safePath` would return as it is and which is too short to be too long: nearly every path. */
function isPlain(path: string): boolean {
  // A UTF-16 unit is at most three bytes, so 85 of them fit a name.
  return path.length < 85 && /^(?!\.{1,2}(?:\/|$))[^/\0]+(?:\/(?!\.{1,2}(?:\/|$))[^/\0]+)*$/.test(path)
}

function checkLengths(safe: string, path: string): void {
  const long = encodeName(safe).length >= PATH_MAX || safe.split('/').some((part) => encodeName(part).length > NAME_MAX)
  if (long) refuse(path, 'is too long')
}

function refuse(path: string, why: string): never {
  return fail('invalid_argument', `path ${JSON.stringify(path.slice(0, 200))} ${why}`)
}
