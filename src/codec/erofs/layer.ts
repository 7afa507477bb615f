import { fail, messageOf, CairnError } from '#base'
import { safePath, splitPath } from '../paths.ts'
import type { TarEntry } from '../types.ts'
import { parseWhiteout } from '../whiteout.ts'
import { encodeDevice, MAX_TARGET, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG } from './format.ts'
import { Flag } from './inodes.ts'
import type { InodeFields } from './inodes.ts'
import { NONE, ROOT, Tree } from './tree.ts'
import type { TreeLimits } from './tree.ts'
import { isReachable, walk } from './walk.ts'
import { XattrSets } from './xattrsets.ts'

const KIND = {
  file: S_IFREG,
  symlink: S_IFLNK,
  chardev: S_IFCHR,
  blockdev: S_IFBLK,
  directory: S_IFDIR,
  fifo: S_IFIFO,
} as const

const IMPLIED: InodeFields = { mode: S_IFDIR | 0o755, uid: 0, gid: 0, mtime: 0n, xattrs: 0 }
const WHITEOUT: InodeFields = { mode: S_IFCHR, uid: 0, gid: 0, mtime: 0n, xattrs: 0 }
/** Links into other layers are kept as text until the end. */
const MAX_ABSENT = 100_000

/**
 * The tree that extracting a layer's members one by one would leave, whiteouts as overlayfs wants them.
 * The last of several members of one name wins, except that a directory over a directory keeps its entries.
 */
export class LayerTree {
  readonly tree: Tree
  readonly xattrs: XattrSets
  /** Node and target of each hard link into another layer; some may have been replaced since. */
  readonly #absentLinks = new Map<number, string>()
  /** All whiteouts are links to one inode. */
  #whiteout = NONE
  /** What absent links lead to: it keeps their place in the tree and is not written. */
  readonly absent: number
  replacedDirectory = false
  /** The directory of the last member: archives list a directory's entries one after the other. */
  #lastPath: string | undefined
  #lastDirectory = NONE

  constructor(limits: TreeLimits) {
    this.tree = new Tree(limits)
    this.xattrs = new XattrSets(this.tree.arena)
    this.tree.inodes.add(IMPLIED, 0, ROOT)
    this.tree.inodes.flags[ROOT] = Flag.implied
    this.absent = this.tree.inodes.add({ ...WHITEOUT, mode: 0 }, 0, 0)
  }

  /** Node and target of the hard links to files that this layer does not have, in the members' order. */
  *absentLinks(): Generator<readonly [node: number, target: string], void, void> {
    for (const link of this.#absentLinks)
      if (this.tree.inode[link[0]] === this.absent && isReachable(this.tree, link[0])) yield link
  }

  /** Takes a member in; the inode whose data the member's are, or NONE if it has none. */
  add(entry: TarEntry): number {
    try {
      return this.#add(entry)
    } catch (error) {
      // Say which member, with the code of what was wrong.
      if (!(error instanceof CairnError)) throw error
      return fail(error.code, `layer member ${JSON.stringify(entry.path.slice(0, 200))}: ${messageOf(error)}`, {
        cause: error,
      })
    }
  }

  #add(entry: TarEntry): number {
    const path = safePath(entry.path)
    const whiteout = parseWhiteout(path)
    if (whiteout) {
      if (whiteout.kind === 'remove') this.#remove(whiteout.path)
      else if (whiteout.kind === 'opaque') this.#setFlag(this.#directory(whiteout.path), Flag.opaque)
      return NONE
    }
    if (path === '') return this.#describeRoot(entry)
    const [parent, name] = splitPath(path)
    const directory = this.#directory(parent)
    if (entry.type === 'hardlink') this.#link(directory, name, entry)
    else if (entry.type === 'directory') this.#makeDirectory(directory, name, this.#fields(entry, S_IFDIR))
    else return this.#make(directory, name, entry)
    return NONE
  }

  #describeRoot(entry: TarEntry): number {
    if (entry.type !== 'directory') fail('invalid_argument', `a ${entry.type} cannot be the root`)
    this.#describe(ROOT, entry)
    return NONE
  }

  #fields(entry: TarEntry, kind: number): InodeFields {
    return {
      // Linux gives symlinks no mode of their own.
      mode: kind | (kind === S_IFLNK ? 0o777 : entry.mode),
      uid: entry.uid,
      gid: entry.gid,
      mtime: entry.mtime,
      xattrs: entry.xattrs ? this.xattrs.add(entry.xattrs) : 0,
    }
  }

  #make(directory: number, name: string, entry: TarEntry): number {
    const kind = KIND[entry.type as keyof typeof KIND]
    const fields = this.#fields(entry, kind)
    const { inodes, arena } = this.tree
    let inode: number
    if (kind === S_IFREG) {
      inode = inodes.add(fields, entry.size, 0)
    } else if (kind === S_IFLNK) {
      const length = arena.stage(entry.linkname ?? '')
      if (length === 0 || length > MAX_TARGET) fail('invalid_argument', `a symlink target of ${length} bytes`)
      inode = inodes.add(fields, length, arena.keep(length))
    } else {
      inode = inodes.add(fields, 0, this.#device(entry))
    }
    this.#place(directory, name, inode)
    // A device 0/0 is a whiteout to overlayfs, whoever wrote it.
    if (kind === S_IFCHR && inodes.data[inode] === 0) this.#setFlag(directory, Flag.whiteouts)
    return kind === S_IFREG ? inode : NONE
  }

  #device(entry: TarEntry): number {
    if (entry.type === 'fifo') return 0
    const { devmajor = 0, devminor = 0 } = entry
    return (
      encodeDevice(devmajor, devminor) ?? fail('invalid_argument', `device ${devmajor}:${devminor} is out of range`)
    )
  }

  #makeDirectory(directory: number, name: string, fields: InodeFields, flags = 0): number {
    const { tree } = this
    const slot = tree.slot(directory, name)
    const old = tree.nodeAt(slot)
    if (old !== NONE && tree.isDirectory(old)) {
      this.#redescribe(tree.inode[old]!, fields)
      return old
    }
    const inode = tree.inodes.add(fields, 0, 0)
    // What stood here has hidden whatever the layers below have of this name, and a directory must go on doing so.
    tree.inodes.flags[inode] = flags | (old === NONE ? 0 : Flag.opaque)
    const node = this.#assign(slot, directory, inode)
    tree.inodes.data[inode] = node
    return node
  }

  /** A second header for a directory: its attributes add to those of the first, as setting them on a file would. */
  #redescribe(inode: number, fields: InodeFields): void {
    const { inodes } = this.tree
    inodes.set(inode, { ...fields, xattrs: this.xattrs.union(inodes.xattrs[inode]!, fields.xattrs) })
    inodes.flags[inode]! &= ~Flag.implied
  }

  #describe(node: number, entry: TarEntry): void {
    this.#redescribe(this.tree.inode[node]!, this.#fields(entry, S_IFDIR))
  }

  #link(directory: number, name: string, entry: TarEntry): void {
    const target = safePath(entry.linkname ?? '')
    const node = this.#lookup(target)
    if (node === NONE || this.tree.inode[node] === this.absent) {
      // A link to a link is one to the same file.
      return this.#addAbsent(this.#place(directory, name, this.absent), this.#absentLinks.get(node) ?? target)
    }
    if (this.tree.isDirectory(node)) fail('invalid_argument', `a hard link to the directory ${JSON.stringify(target)}`)
    this.#place(directory, name, this.tree.inode[node]!)
  }

  #addAbsent(node: number, target: string): void {
    if (this.#absentLinks.size === MAX_ABSENT)
      fail('resource_exhausted', `more than ${MAX_ABSENT} hard links to files of other layers`)
    this.tree.arena.charge(2 * target.length)
    this.#absentLinks.delete(node)
    this.#absentLinks.set(node, target)
  }

  /** The node of a path, its last component not followed; NONE if it is not there or is a whiteout. */
  #lookup(path: string): number {
    if (path === '') return ROOT
    const [parent, name] = splitPath(path)
    const directory = walk(this.tree, parent, () => NONE)
    if (directory === NONE) return NONE
    const node = this.tree.nodeAt(this.tree.slot(directory, name))
    return node !== NONE && this.tree.inode[node] === this.#whiteout ? NONE : node
  }

  #remove(path: string): void {
    const [parent, name] = splitPath(path)
    const directory = this.#directory(parent)
    const { tree } = this
    const old = tree.nodeAt(tree.slot(directory, name))
    // A whiteout speaks of the layers below: what this layer has of that name stays, before or after.
    if (old !== NONE && tree.isDirectory(old)) return this.#setFlag(old, Flag.opaque)
    if (old !== NONE) return
    if (this.#whiteout === NONE) this.#whiteout = tree.inodes.add(WHITEOUT, 0, 0)
    this.#place(directory, name, this.#whiteout)
    this.#setFlag(directory, Flag.whiteouts)
  }

  #setFlag(node: number, flag: number): void {
    this.tree.inodes.flags[this.tree.inode[node]!]! |= flag
  }

  #place(directory: number, name: string, inode: number): number {
    return this.#assign(this.tree.slot(directory, name), directory, inode)
  }

  #assign(slot: number, directory: number, inode: number): number {
    // A path may lead elsewhere once a directory or symlink on it has been replaced.
    const old = this.tree.nodeAt(slot)
    if (old !== NONE) this.#lastPath = undefined
    if (old !== NONE && this.tree.isDirectory(old)) this.replacedDirectory = true
    return this.tree.assign(slot, directory, inode)
  }

  /** The directory at a safe path, made if it is not there. */
  #directory(path: string): number {
    if (path === this.#lastPath) return this.#lastDirectory
    const node = walk(this.tree, path, (directory, name) => this.#imply(directory, name))
    this.#lastPath = path
    this.#lastDirectory = node
    return node
  }

  #imply(directory: number, name: string): number {
    const { tree } = this
    const node = tree.nodeAt(tree.slot(directory, name))
    if (node !== NONE && tree.inode[node] !== this.#whiteout)
      fail('invalid_argument', `${JSON.stringify(name)} on its path is no directory`)
    return this.#makeDirectory(directory, name, IMPLIED, Flag.implied)
  }
}
