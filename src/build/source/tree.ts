import { fail } from '#base'
import { decodeName, SortedNames, type EntryType } from '#codec'
import { close, eachName, FileType, isErrno, O, openIn, openPath, readlinkAt, statAt, type Stat } from '#sys'
import { IgnoreRules, type ParentMatch } from './ignore.ts'

/** An entry of a tree. `path` is below the root, without a leading slash; the root's is empty. */
export interface TreeNode {
  readonly path: string
  readonly type: EntryType | 'socket'
  readonly stat: Stat
  /** Of a symlink. */
  readonly target?: string
}

/** How many symlinks one look-up follows. */
const LINK_LIMIT = 40

/**
 * A directory as copies read it: everything below a root, less what the ignore rules hide. The kernel keeps each
 * look-up beneath the root and follows no symlink; symlinks are followed here, inside the root. Nothing of it is
 * remembered but what the ignore rules say of directories: who reads twice compares the digests of what was read.
 */
export class SourceTree implements Disposable {
  readonly root: number
  readonly #rules: IgnoreRules
  /** Of ignored directories: whether something in them is not. */
  readonly #holding = new Map<string, boolean>()
  /** Directories that were looked for and are not there. */
  readonly #absent = new Set<string>()
  readonly #matches = new Map<string, { readonly ignored: boolean; readonly here: ParentMatch }>()

  constructor(path: string, rules: IgnoreRules = new IgnoreRules([])) {
    this.root = openPath(path, O.PATH | O.DIRECTORY)
    this.#rules = rules
  }

  [Symbol.dispose](): void {
    close(this.root)
  }

  /** The entry itself; undefined when there is none or it is ignored. Parents must be real directories. */
  node(path: string): TreeNode | undefined {
    const node = path === '' ? this.#rootNode() : this.#inParent(path)
    if (!node || !this.#isHidden(node)) return node
    return undefined
  }

  /** The entries of a directory in bytewise order, some at a time: a directory may have any number. */
  *list(path: string): Generator<TreeNode, void, void> {
    const names = this.#inDirectory(path, namesIn)
    for (let at = 0; at < names.length; at += BATCH)
      for (const node of this.#inDirectory(path, (fd) => nodesAt(fd, path, names, at)))
        if (!this.#isHidden(node)) yield node
  }

  /** The path with every symlink followed inside the root; undefined when it leads nowhere. */
  resolve(path: string): TreeNode | undefined {
    const rest = path.split('/').toReversed()
    let at = this.#rootNode()
    let links = 0
    while (rest.length > 0) {
      const part = rest.pop()!
      if (part === '' || part === '.') continue
      if (part === '..') {
        at = this.node(parentOf(at.path)) ?? this.#rootNode()
        continue
      }
      if (at.type !== 'directory') return undefined
      const next = this.node(joinPath(at.path, part))
      if (!next) return undefined
      if (next.target === undefined) {
        at = next
        continue
      }
      if (++links > LINK_LIMIT) fail('invalid_argument', `too many symlinks on the way to ${path}`)
      rest.push(...next.target.split('/').toReversed())
      if (next.target.startsWith('/')) at = this.#rootNode()
    }
    return at
  }

  /** A file opened for reading. */
  open(path: string): number {
    try {
      return openIn(this.root, path, O.RDONLY | O.NOFOLLOW | O.NONBLOCK, { scope: 'beneath', noSymlinks: true })
    } catch (error) {
      return unreadable(path, error)
    }
  }

  /** Whether the ignore rules are why there is nothing at this path. */
  hides(path: string): boolean {
    const node = path === '' ? undefined : this.#inParent(path)
    return node !== undefined && this.#isHidden(node)
  }

  #rootNode(): TreeNode {
    return { path: '', type: 'directory', stat: statAt(this.root, '') ?? fail('not_found', 'the directory is gone') }
  }

  #inParent(path: string): TreeNode | undefined {
    const parent = parentOf(path)
    if (this.#absent.has(parent)) return undefined
    try {
      const directory = this.#openDirectory(parent, O.PATH)
      try {
        return nodeAt(directory, parent, path.slice(parent === '' ? 0 : parent.length + 1))
      } finally {
        close(directory)
      }
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw error
      this.#absent.add(parent)
      return undefined
    }
  }

  #inDirectory<T>(path: string, work: (directory: number) => T): T {
    const directory = this.#openDirectory(path, O.RDONLY)
    try {
      return work(directory)
    } finally {
      close(directory)
    }
  }

  #openDirectory(path: string, mode: number): number {
    try {
      return openIn(this.root, path, mode | O.DIRECTORY | O.NOFOLLOW, { scope: 'beneath', noSymlinks: true })
    } catch (error) {
      return unreadable(path, error)
    }
  }

  /** An ignored directory is still there when rules take something below it back in. */
  #isHidden(node: TreeNode): boolean {
    if (this.#rules.isEmpty || node.path === '') return false
    if (node.type !== 'directory') return this.#rules.ignores(node.path, this.#above(node.path))
    if (!this.#match(node.path).ignored) return false
    return !(this.#rules.mayTakeBack(node.path) && this.#holds(node.path))
  }

  /** Asked for on every level above, so it is remembered. */
  #holds(path: string): boolean {
    const known = this.#holding.get(path)
    if (known !== undefined) return known
    const holds = !this.list(path).next().done
    this.#holding.set(path, holds)
    return holds
  }

  /** Of a directory, and remembered: all that is in it asks. */
  #match(path: string): { readonly ignored: boolean; readonly here: ParentMatch } {
    const known = this.#matches.get(path)
    if (known) return known
    const match = this.#rules.match(path, this.#above(path), true)
    this.#matches.set(path, match)
    return match
  }

  #above(path: string): ParentMatch | undefined {
    const parent = parentOf(path)
    return parent === '' ? undefined : this.#match(parent).here
  }
}

function unreadable(path: string, cause: unknown): never {
  if (isErrno(cause, 'EACCES', 'EPERM'))
    fail('permission_denied', `cannot read "${path}": permission denied`, {
      hint: 'change its mode, or name it in .dockerignore',
      cause,
    })
  throw cause
}

export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

export function baseOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

export function joinPath(directory: string, name: string): string {
  return directory === '' ? name : `${directory}/${name}`
}

/** In bytewise order. */
function namesIn(directory: number): SortedNames {
  const names = new SortedNames()
  eachName(directory, (bytes, start, end) => names.add(bytes, start, end))
  return names
}

/** Entries that are looked at together. */
const BATCH = 256

function nodesAt(directory: number, parent: string, names: SortedNames, first: number): TreeNode[] {
  const nodes: TreeNode[] = []
  for (let at = first; at < Math.min(first + BATCH, names.length); at++) {
    const node = nodeAt(directory, parent, names.at(at))
    if (node) nodes.push(node)
  }
  return nodes
}

function nodeAt(directory: number, parent: string, name: string): TreeNode | undefined {
  const stat = statAt(directory, name)
  if (!stat) return undefined
  const type: TreeNode['type'] = TYPES[stat.mode & FileType.mask] ?? 'socket'
  const node = { path: joinPath(parent, name), type, stat }
  return type === 'symlink' ? { ...node, target: decodeName(readlinkAt(directory, name)) } : node
}

const TYPES: Readonly<Record<number, EntryType | undefined>> = {
  [FileType.file]: 'file',
  [FileType.directory]: 'directory',
  [FileType.symlink]: 'symlink',
  [FileType.chardev]: 'chardev',
  [FileType.blockdev]: 'blockdev',
  [FileType.fifo]: 'fifo',
}
