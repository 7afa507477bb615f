import { fail } from '#base'
import { parseWhiteout, safePath, splitPath, type TarMember } from '#codec'

/** A file by any of its names. */
export interface FileNode {
  readonly kind: 'file'
  /** The member that made the file; the same object wherever the same file is meant. */
  readonly file: TarMember
  /** Which layer gave it this name. */
  readonly layer: number
}

export interface DirectoryNode {
  readonly kind: 'directory'
  /** What described it last; undefined for a directory that is only a parent. */
  about: TarMember | undefined
  layer: number
  /** Hides what the layers below have in it. */
  opaque: boolean
  readonly entries: Map<string, Node>
}

export interface WhiteoutNode {
  readonly kind: 'whiteout'
  readonly layer: number
}

/** A hard link to a file of another layer, in a layer by itself: nothing, but it has replaced what stood there. */
export interface AbsentNode {
  readonly kind: 'absent'
  readonly layer: number
}

export type Node = FileNode | DirectoryNode | WhiteoutNode | AbsentNode

/** As many as Linux follows. */
const MAX_SYMLINKS = 40
const MAX_STEPS = 4096

export function newDirectory(layer: number): DirectoryNode {
  return { kind: 'directory', about: undefined, layer, opaque: false, entries: new Map() }
}

/**
 * A directory tree as layers make it, in memory. In mode `extract` whiteouts remove what earlier
 * layers made, as extracting the tars one over the other does. In mode `overlay` they stay as
 * markers: that is one layer as overlayfs is given it.
 */
export class ChainTree {
  readonly root: DirectoryNode = newDirectory(0)
  readonly #mode: 'extract' | 'overlay'

  constructor(mode: 'extract' | 'overlay') {
    this.#mode = mode
  }

  add(member: TarMember, layer: number): void {
    const path = safePath(member.path)
    const whiteout = parseWhiteout(path)
    if (whiteout?.kind === 'opaque') this.#opaque(whiteout.path, layer)
    else if (whiteout?.kind === 'remove') this.#remove(whiteout.path, layer)
    else if (whiteout) return
    else if (path === '') this.root.about = member
    else this.#put(path, member, layer)
  }

  #put(path: string, member: TarMember, layer: number): void {
    const [parent, name] = splitPath(path)
    const directory = this.#directory(parent, layer)
    if (member.type === 'directory') {
      const node = this.#makeDirectory(directory, name, layer)
      node.about = node.about && node.layer === layer ? withXattrsOf(node.about, member) : member
      node.layer = layer
    } else if (member.type === 'hardlink') {
      const target = this.#find(member.linkname ?? '')
      if (target?.kind === 'file') directory.entries.set(name, { kind: 'file', file: target.file, layer })
      else if (this.#mode === 'overlay') directory.entries.set(name, { kind: 'absent', layer })
    } else directory.entries.set(name, { kind: 'file', file: member, layer })
  }

  #makeDirectory(parent: DirectoryNode, name: string, layer: number): DirectoryNode {
    const old = parent.entries.get(name)
    if (old?.kind === 'directory') return old
    const node = newDirectory(layer)
    // What stood here hid what the layers below have of this name.
    node.opaque = this.#mode === 'overlay' && old !== undefined
    parent.entries.set(name, node)
    return node
  }

  #find(linkname: string): Node | undefined {
    const [parent, name] = splitPath(safePath(linkname))
    return this.#walk(parent, () => undefined)?.entries.get(name)
  }

  #directory(path: string, layer: number): DirectoryNode {
    const made = this.#walk(path, (parent, name) => this.#makeDirectory(parent, name, layer))
    return made ?? fail('internal', `no directory ${path}`)
  }

  /** The directory at a path, symlinks followed inside the tree. */
  #walk(
    path: string,
    missing: (parent: DirectoryNode, name: string) => DirectoryNode | undefined,
  ): DirectoryNode | undefined {
    const pending = path.split('/').reverse()
    let above: DirectoryNode[] = []
    let at = this.root
    let symlinks = 0
    for (let steps = 0; pending.length > 0; steps++) {
      if (steps > MAX_STEPS || symlinks > MAX_SYMLINKS)
        fail('invalid_argument', `${JSON.stringify(path)} leads through too many links`)
      const name = pending.pop() ?? ''
      if (name === '' || name === '.') continue
      if (name === '..') {
        at = above.pop() ?? this.root
        continue
      }
      const node = at.entries.get(name)
      if (node?.kind === 'file' && node.file.type === 'symlink') {
        const target = node.file.linkname ?? ''
        symlinks++
        if (target.startsWith('/')) {
          above = []
          at = this.root
        }
        pending.push(...target.split('/').reverse())
        continue
      }
      const next = node?.kind === 'directory' ? node : missing(at, name)
      if (!next) return undefined
      above.push(at)
      at = next
    }
    return at
  }

  // --- whiteouts

  #remove(path: string, layer: number): void {
    const [parent, name] = splitPath(path)
    const directory = this.#directory(parent, layer)
    if (this.#mode === 'extract') return void prune(directory, name, layer)
    const node = directory.entries.get(name)
    if (node?.kind === 'directory') node.opaque = true
    else if (!node) directory.entries.set(name, { kind: 'whiteout', layer })
  }

  #opaque(path: string, layer: number): void {
    const directory = this.#directory(path, layer)
    if (this.#mode === 'overlay') directory.opaque = true
    else pruneEntries(directory, layer)
  }
}

/** Removes an entry, except what this layer made of it; true when something stays. */
function prune(directory: DirectoryNode, name: string, layer: number): boolean {
  const node = directory.entries.get(name)
  if (!node) return false
  const kept = (node.kind === 'directory' && pruneEntries(node, layer)) || node.layer === layer
  if (!kept) directory.entries.delete(name)
  return kept
}

function pruneEntries(directory: DirectoryNode, layer: number): boolean {
  let kept = false
  for (const name of directory.entries.keys()) kept = prune(directory, name, layer) || kept
  return kept
}

/** A second header for a directory in one layer: its attributes add to the first one's. */
function withXattrsOf(before: TarMember, member: TarMember): TarMember {
  if (!before.xattrs) return member
  return { ...member, xattrs: new Map([...before.xattrs, ...(member.xattrs ?? [])]) }
}
