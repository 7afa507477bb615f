import { close, FileType, isErrno, O, openPath, readXattrs, statAt, type Stat } from '#sys'
import type { Change } from '../types.ts'
import { isOpaque, isOverlayXattr, isWhiteout } from './overlayfs.ts'
import { isDirectoryEntry, namesIn, openDirectory, reach } from './tree.ts'

/** See {@link Differ.changes}. */
export function* changesOf(upper: string, lower: string, stubs: Iterable<string>): Generator<Change, void, void> {
  const [above, below] = [openPath(upper, O.RDONLY | O.DIRECTORY), openPath(lower, O.RDONLY | O.DIRECTORY)]
  try {
    yield* changesIn({ above, below, path: '' }, new Set(stubs))
  } finally {
    close(above)
    close(below)
  }
}

interface Pair {
  readonly above: number
  /** What the layers below have of the same directory. */
  readonly below: number | undefined
  readonly path: string
}

function* changesIn({ above, below, path }: Pair, stubs: ReadonlySet<string>): Generator<Change, void, void> {
  const names = new Set(namesIn(above))
  const gone = below !== undefined && isOpaque(above) ? [...namesIn(below)].filter((name) => !names.has(name)) : []
  for (const name of [...names, ...gone].sort()) {
    const child = path === '' ? name : `${path}/${name}`
    const before = below === undefined ? undefined : statAt(below, name)
    const now = statAt(above, name)
    if (!now || isWhiteout(now)) {
      if (before) yield { kind: 'deleted', path: child }
    } else if ((now.mode & FileType.mask) === FileType.directory) {
      yield* directoryChanges({ above, below, path: child }, name, { before, now }, stubs)
    } else {
      const stub = before ? isSame(before, now) && sameXattrs(above, below!, name) : stubs.has(child) && now.size === 0
      yield { kind: before ? 'modified' : 'added', path: child, ...(stub && { stub }) }
    }
  }
}

function owned({ mode, uid, gid }: Stat): string {
  return `${mode} ${uid} ${gid}`
}

/** Opened for writing it is in the upper directory, and nothing about it need be new. */
function isSame(before: Stat, now: Stat): boolean {
  const facts = (stat: Stat): string => `${owned(stat)} ${stat.size} ${stat.mtime} ${stat.rdevMajor} ${stat.rdevMinor}`
  return facts(before) === facts(now)
}

function sameXattrs(above: number, below: number, name: string): boolean {
  const facts = (directory: number): string =>
    [...readXattrs(reach(directory, name))]
      .filter(([key]) => !isOverlayXattr(key))
      .map(([key, value]) => `${key}=${value.toHex()}`)
      .sort()
      .join(' ')
  return facts(above) === facts(below)
}

/** A directory comes before what is in it, and of one that was there already what is in it is no news. */
function* directoryChanges(
  { above, below, path }: Pair,
  name: string,
  { before, now }: { readonly before: Stat | undefined; readonly now: Stat },
  stubs: ReadonlySet<string>,
): Generator<Change, void, void> {
  const self: Change = { kind: before ? 'modified' : 'added', path }
  let said = false
  let hidden = !before && stubs.has(path)
  for (const change of inside({ above, below, path }, name, stubs)) {
    if (change.stub) hidden = true
    else if (!said) yield self
    said ||= change.stub !== true
    yield change
  }
  if (said) return
  const stub = before ? owned(before) === owned(now) : hidden
  yield { ...self, ...(stub && { stub: true }) }
}

function* inside(
  { above, below, path }: Pair,
  name: string,
  stubs: ReadonlySet<string>,
): Generator<Change, void, void> {
  const here = opened(above, name)
  if (here === undefined) return
  let there: number | undefined
  try {
    there = below !== undefined && isDirectoryEntry(below, name) ? opened(below, name) : undefined
    yield* changesIn({ above: here, below: there, path }, stubs)
  } finally {
    close(here)
    if (there !== undefined) close(there)
  }
}

/** Undefined when a container that runs has taken it away meanwhile. */
function opened(parent: number, name: string): number | undefined {
  try {
    return openDirectory(parent, name)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined
    throw error
  }
}
