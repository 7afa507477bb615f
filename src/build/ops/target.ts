import { readXattrs } from '#sys'
import { fail } from '#base'
import type { EntryType, Nanoseconds } from '#codec'
import { joinPath, parentOf, SourceTree, type TreeNode } from '../source/tree.ts'
import { LayerEntries } from './entries.ts'
import type { Owner } from './owner.ts'

/** What a layer in the making says of one path. */
export interface LayerEntry {
  readonly type: EntryType
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtime: Nanoseconds
  readonly xattrs?: ReadonlyMap<string, Uint8Array>
  /** Of a symlink. */
  readonly target?: string
  readonly device?: readonly [major: number, minor: number]
  readonly content?: LayerContent
}

/** Where a file's bytes come from. Two entries with one `link` are one file. */
export interface LayerContent {
  readonly size: number
  readonly link?: string
  readonly open: () => Iterable<Uint8Array> | AsyncIterable<Uint8Array>
}

/** What has been put into a layer. */
export interface EntryTable extends Iterable<readonly [path: string, entry: LayerEntry]> {
  has(path: string): boolean
  get(path: string): LayerEntry | undefined
  set(path: string, entry: LayerEntry): void
}

/** Attributes of directories that are made on the way. */
export interface MadeDirectory extends Owner {
  readonly mode: number
  readonly mtime: Nanoseconds
}

const LINK_LIMIT = 40

/**
 * A layer in the making over the stack below it: paths are resolved inside that root, what is written is kept in
 * memory as metadata (LayerEntries), and the directories on the way are repeated as they are below, so that the layer changes nothing
 * that it does not mean to.
 */
export class LayerTarget {
  readonly entries: EntryTable
  readonly #below: SourceTree

  constructor(below: SourceTree, entries: EntryTable = new LayerEntries()) {
    this.#below = below
    this.entries = entries
  }

  /** What is at a path whose parents are real directories: made here, or below. */
  at(path: string): LayerEntry | TreeNode | undefined {
    return this.entries.get(path) ?? this.#below.node(path)
  }

  /** The path with symlinks followed inside the root; what does not exist yet stays as it is written. */
  resolve(path: string): string {
    const rest = path.split('/').toReversed()
    let at = ''
    let links = 0
    while (rest.length > 0) {
      const part = rest.pop()!
      if (part === '' || part === '.') continue
      if (part === '..') {
        at = parentOf(at)
        continue
      }
      const next = joinPath(at, part)
      const found = this.at(next)
      if (found?.target === undefined) {
        at = next
        continue
      }
      if (++links > LINK_LIMIT) fail('invalid_argument', `too many symlinks on the way to /${path}`)
      rest.push(...found.target.split('/').toReversed())
      if (found.target.startsWith('/')) at = ''
    }
    return at
  }

  /** Makes a directory and those above it, where they are missing; the real path. */
  makeDirectory(path: string, made: MadeDirectory): string {
    const real = this.resolve(path)
    let at = ''
    for (const part of real === '' ? [] : real.split('/')) {
      at = joinPath(at, part)
      const found = this.at(at)
      if (!found) this.put(at, { type: 'directory', ...made, mode: made.mode | this.#inheritedMode(at) })
      else if (found.type !== 'directory') fail('failed_precondition', `/${at} is not a directory`)
    }
    return real
  }

  /** The set-group-ID bit of the directory above, as mkdir(2) has it. */
  #inheritedMode(path: string): number {
    const above = path.includes('/') ? this.at(parentOf(path)) : undefined
    return ((above && 'stat' in above ? above.stat.mode : above?.mode) ?? 0) & 0o2000
  }

  /** Writes an entry at a real path. Kinds that cannot replace each other are refused. */
  put(path: string, entry: LayerEntry): void {
    const found = this.at(path)
    if (found && entry.type === 'directory' && found.type !== 'directory')
      fail('failed_precondition', `cannot copy a directory over /${path}, which is none`)
    if (found && entry.type !== 'directory' && found.type === 'directory')
      fail('failed_precondition', `cannot replace the directory /${path} by a ${entry.type}`)
    this.#repeatParents(path)
    this.entries.set(path, entry)
  }

  /** Gives an existing directory other permission bits. */
  changeMode(path: string, mode: number): void {
    const made = this.entries.get(path)
    const node = made ? undefined : this.#below.node(path)
    const entry = made ?? (node && this.#asBelow(node))
    if (entry) this.put(path, { ...entry, mode })
  }

  #repeatParents(path: string): void {
    for (let at = parentOf(path); at !== '' && !this.entries.has(at); at = parentOf(at)) {
      const node = this.#below.node(at)
      if (node?.type === 'directory') this.entries.set(at, this.#asBelow(node))
    }
  }

  #asBelow({ path, stat }: TreeNode): LayerEntry {
    const xattrs = readXattrs(`/proc/self/fd/${this.#below.root}/${path}`)
    for (const name of xattrs.keys()) if (name.includes('.overlay.')) xattrs.delete(name)
    const { uid, gid, mtime } = stat
    return { type: 'directory', mode: stat.mode & 0o7777, uid, gid, mtime, ...(xattrs.size > 0 ? { xattrs } : {}) }
  }
}
