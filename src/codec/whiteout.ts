import { fail } from '#base'

const PREFIX = '.wh.'
const META = '.wh..wh.'
const OPAQUE = '.wh..wh..opq'

/**
 * What a member's name says besides being a name (image-spec layer.md, "Whiteouts"):
 * `remove`: the path is gone from the layers below; `opaque`: the directory hides what they have in it;
 * `metadata`: left over from AUFS, no part of the file system.
 */
export interface Whiteout {
  readonly kind: 'remove' | 'opaque' | 'metadata'
  /** The path removed or the directory made opaque; for metadata the member's own. */
  readonly path: string
}

/**
 * Reads a path that `safePath` has made; undefined for ordinary members.
 * Refuses markers that would remove a directory's own `.`, `..` or nothing at all.
 */
export function parseWhiteout(path: string): Whiteout | undefined {
  if (!path.includes(PREFIX)) return undefined
  const slash = path.lastIndexOf('/') + 1
  const name = path.slice(slash)
  const directory = path.slice(0, Math.max(0, slash - 1))
  if (name === OPAQUE) return { kind: 'opaque', path: directory }
  if (path.startsWith(META) || path.includes(`/${META}`)) return { kind: 'metadata', path }
  if (!name.startsWith(PREFIX)) return undefined
  const hidden = name.slice(PREFIX.length)
  if (hidden === '' || hidden === '.' || hidden === '..')
    fail('invalid_argument', `whiteout ${JSON.stringify(path)} removes no file`)
  return { kind: 'remove', path: path.slice(0, slash) + hidden }
}

/** The marker that removes `path`. `invalid_argument` for the root and for names that are markers themselves. */
export function whiteoutPath(path: string): string {
  const slash = path.lastIndexOf('/') + 1
  const name = path.slice(slash)
  if (name === '' || name === '.' || name === '..' || name.startsWith(PREFIX))
    fail('invalid_argument', `no whiteout can be written for ${JSON.stringify(path)}`)
  return path.slice(0, slash) + PREFIX + name
}

/** The marker that makes a directory opaque; `''` is the root. */
export function opaquePath(directory: string): string {
  return directory === '' ? OPAQUE : `${directory}/${OPAQUE}`
}
