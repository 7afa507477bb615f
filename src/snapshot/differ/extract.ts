import { fchmodSync, fchownSync, ftruncateSync } from 'node:fs'
import { CairnError, checkCanceled, fail, messageOf, utf8, type ByteStream, type Call } from '#base'
import {
  createTarParser,
  parseWhiteout,
  safePath,
  splitPath,
  type TarHandler,
  type TarLimits,
  type TarMember,
} from '#codec'
import {
  chmodAt,
  chownAt,
  close,
  FileType,
  isErrno,
  linkAt,
  mkdirAt,
  mknodAt,
  O,
  openIn,
  openPath,
  setTimes,
  setTimesAt,
  setXattr,
  statAt,
} from '#sys'
import {
  identify,
  key,
  linkTarget,
  makeSpecial,
  placeIn,
  setXattrs,
  writeData,
  type OpenFile,
  type Place,
} from './entry.ts'
import type { ExtractOptions } from '../types.ts'
import { isWhiteout, overlayXattr } from './overlayfs.ts'
import { isDirectoryEntry, namesIn, openDirectory, reach, removeTree, withDirectory } from './tree.ts'

type Whiteouts = 'apply' | 'overlay' | 'none'

export interface TarExtraction extends ExtractOptions {
  /**
   * What a whiteout does. `apply`: it removes what is there. `overlay`: it becomes what overlayfs
   * knows it by (a 0/0 device, an opaque attribute), for a directory that is to be a lower layer.
   * `none`: it is a file like others; a directory and a file do not replace each other.
   */
  readonly whiteouts: Whiteouts
  readonly limits?: TarLimits
}

/**
 * Extracts a layer's tar over a directory. Every path is resolved by the kernel with `root` as its
 * root, so neither `..` nor any symlink leads out. What stands in an entry's way is replaced; a
 * directory over a directory keeps its content. Missing parents are made 0755.
 */
export async function extractTar(tar: ByteStream, root: string, options: TarExtraction, call?: Call): Promise<void> {
  const extraction = new Extraction(root, options)
  try {
    const parser = createTarParser(extraction, options.limits)
    for await (const chunk of tar) {
      checkCanceled(call)
      parser.write(chunk)
    }
    parser.end()
    extraction.finish()
  } finally {
    extraction.close()
  }
}

type Parent = Pick<Place, 'ino' | 'inherits'> & { readonly path: string; readonly fd: number }

const IMPLICIT_MODE = 0o755
/** As many as Linux follows. */
const MAX_SYMLINKS = 40
const EMPTY = new Uint8Array()

class Extraction implements TarHandler {
  readonly #root: number
  readonly #whiteouts: Whiteouts
  /** What goes before every path: empty, or ends with a slash. */
  readonly #under: string
  readonly #owner: ExtractOptions['owner']
  /** The directory of the last entry: archives list a directory's entries one after the other. */
  #parent: Parent | undefined
  /** Entries made by this archive, as `inode/name`. */
  readonly #made = new Set<string>()
  /** Hard links to files of other layers. */
  readonly #absent = new Set<string>()
  /** Set at the end, when nothing is made in them any more. */
  readonly #directoryTimes = new Map<string, bigint>()
  #file: OpenFile | undefined

  constructor(root: string, { whiteouts, under, owner }: TarExtraction) {
    this.#root = openPath(root, O.PATH | O.DIRECTORY)
    this.#whiteouts = whiteouts
    this.#under = under === undefined ? '' : `${under}/`
    this.#owner = owner
  }

  onEntry(member: TarMember): void {
    this.#explained(member.path, () => {
      const path = safePath(member.path)
      if (this.#whiteouts === 'none') return path === '' ? undefined : this.#make(this.#under + path, member)
      const whiteout = parseWhiteout(path)
      if (whiteout?.kind === 'opaque') this.#opaque(whiteout.path)
      else if (whiteout?.kind === 'remove') this.#whiteout(whiteout.path)
      else if (!whiteout && path === '') this.#rootEntry(member)
      else if (!whiteout) this.#make(path, member)
    })
  }

  onData(member: TarMember, bytes: Uint8Array): void {
    const file = this.#file
    if (file) this.#explained(member.path, () => writeData(file, bytes))
  }

  onEnd(member: TarMember): void {
    const file = this.#file
    this.#file = undefined
    if (!file) return
    this.#explained(member.path, () => {
      try {
        const { uid, gid } = this.#owner ?? member
        fchownSync(file.fd, uid, gid)
        fchmodSync(file.fd, member.mode)
        setXattrs(file.fd, member, file.place.inherits)
        setTimes(file.fd, member.mtime)
      } finally {
        close(file.fd)
      }
    })
  }

  /** Directories' times, deepest first. */
  finish(): void {
    for (const [path, mtime] of [...this.#directoryTimes].reverse())
      withDirectory(this.#root, path, (directory) => setTimes(directory, mtime))
  }

  close(): void {
    if (this.#file) close(this.#file.fd)
    if (this.#parent) close(this.#parent.fd)
    close(this.#root)
  }

  #explained(path: string, work: () => void): void {
    try {
      work()
    } catch (error) {
      const code =
        error instanceof CairnError ? error.code : isErrno(error, 'ENOSPC') ? 'resource_exhausted' : 'internal'
      fail(code, `cannot extract ${JSON.stringify(path)}: ${messageOf(error)}`, { cause: error })
    }
  }

  // --- finding places

  #place(path: string): Place {
    const [directory, name] = splitPath(path)
    const parent = this.#openParent(directory)
    return { directory: parent.fd, ino: parent.ino, inherits: parent.inherits, name }
  }

  #openParent(path: string): Parent {
    if (this.#parent?.path === path) return this.#parent
    const fd = this.#openOrMake(path)
    this.#forgetParent()
    this.#parent = { path, fd, ...identify(fd) }
    return this.#parent
  }

  /** Symlinks that the kernel has resolved may lead elsewhere once something was removed. */
  #forgetParent(): void {
    if (this.#parent) close(this.#parent.fd)
    this.#parent = undefined
  }

  #openOrMake(path: string): number {
    try {
      return openIn(this.#root, path, O.PATH | O.DIRECTORY)
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error
      return this.#makePath(path)
    }
  }

  /** Component by component, the way {@link openIn} goes, making what is missing, a dangling symlink's target included. */
  #makePath(path: string): number {
    const open = [openIn(this.#root, '', O.PATH | O.DIRECTORY)]
    const pending = path.split('/').reverse()
    let symlinks = 0
    try {
      while (pending.length > 0) {
        const name = pending.pop() ?? ''
        if (name === '' || name === '.') continue
        if (name === '..') closeFrom(open, Math.max(1, open.length - 1))
        else {
          const place = placeIn(open.at(-1) ?? this.#root, name)
          const target = linkTarget(place)
          if (target === undefined) open.push(this.#step(place))
          else if (++symlinks > MAX_SYMLINKS) fail('invalid_argument', 'too many symlinks on its path')
          else {
            if (target.startsWith('/')) closeFrom(open, 1)
            pending.push(...target.split('/').reverse())
          }
        }
      }
      return open.pop() ?? fail('internal', 'the root is gone')
    } finally {
      closeFrom(open, 0)
    }
  }

  #step(place: Place): number {
    if (!isDirectoryEntry(place.directory, place.name)) {
      const stat = statAt(place.directory, place.name)
      const isFree = !stat || (this.#whiteouts === 'overlay' && isWhiteout(stat))
      if (!isFree) fail('invalid_argument', `${JSON.stringify(place.name)} on its path is no directory`)
      this.#makeDirectory(place, IMPLICIT_MODE)
    }
    return openIn(place.directory, place.name, O.PATH | O.DIRECTORY | O.NOFOLLOW, { scope: 'beneath' })
  }

  // --- whiteouts

  #whiteout(path: string): void {
    if (this.#whiteouts === 'apply') return this.#prune(path)
    const place = this.#place(path)
    if (isDirectoryEntry(place.directory, place.name)) return this.#markOpaque(path)
    if (statAt(place.directory, place.name)) return
    mknodAt(place.directory, place.name, FileType.chardev, 0, 0)
    // Without this a directory that only one layer has would show the device instead of hiding it.
    setXattr(reach(place.directory, '.'), overlayXattr('origin'), EMPTY)
  }

  #opaque(path: string): void {
    if (this.#whiteouts === 'overlay') {
      close(this.#openOrMake(path))
      return this.#markOpaque(path)
    }
    this.#forgetParent()
    close(this.#openOrMake(path))
    withDirectory(this.#root, path, (directory) => this.#pruneChildren(directory), { follow: true })
  }

  #markOpaque(path: string): void {
    const mark = (directory: number): void => setXattr(directory, overlayXattr('opaque'), utf8('y'))
    withDirectory(this.#root, path, mark, { follow: true })
  }

  /** Removes what lies at a path, except what this archive made. */
  #prune(path: string): void {
    const [directory, name] = splitPath(path)
    this.#forgetParent()
    // A marker stands in its directory like any member, and like any other it makes that directory.
    close(this.#openOrMake(directory))
    const prune = (parent: number): boolean => this.#pruneEntry(placeIn(parent, name))
    withDirectory(this.#root, directory, prune, { follow: true })
  }

  /** True when something of it stays. */
  #pruneEntry(place: Place): boolean {
    const made = this.#made.has(key(place))
    if (!isDirectoryEntry(place.directory, place.name)) {
      if (!made) removeTree(place.directory, place.name)
      return made
    }
    const directory = openDirectory(place.directory, place.name)
    let kept: boolean
    try {
      kept = this.#pruneChildren(directory)
    } finally {
      close(directory)
    }
    if (!kept && !made) removeTree(place.directory, place.name)
    return kept || made
  }

  #pruneChildren(directory: number): boolean {
    const parent = identify(directory)
    let kept = false
    for (const name of namesIn(directory)) kept = this.#pruneEntry({ directory, name, ...parent }) || kept
    return kept
  }

  // --- entries

  #rootEntry(member: TarMember): void {
    if (member.type !== 'directory') fail('invalid_argument', `the root is a ${member.type}`)
    withDirectory(this.#root, '', (directory) => {
      fchownSync(directory, member.uid, member.gid)
      fchmodSync(directory, member.mode)
      setXattrs(directory, member, true)
    })
    this.#directoryTimes.set('', member.mtime)
  }

  #make(path: string, member: TarMember): void {
    const place = this.#place(path)
    const again = this.#made.has(key(place))
    this.#made.add(key(place))
    if (member.type === 'directory') {
      this.#makeDirectory(place, member.mode, member, again)
      this.#directoryTimes.set(path, member.mtime)
    } else if (member.type === 'hardlink') this.#makeLink(place, member)
    else {
      this.#clear(place, 'file')
      if (member.type === 'file') return this.#openFile(place, member)
      if (!makeSpecial(place, member)) return
      const { uid, gid } = this.#owner ?? member
      chownAt(place.directory, place.name, uid, gid)
      if (member.type !== 'symlink') chmodAt(place.directory, place.name, member.mode)
      setXattrs(reach(place.directory, place.name), member, place.inherits)
      setTimesAt(place.directory, place.name, member.mtime)
    }
  }

  #makeDirectory(place: Place, mode: number, member?: TarMember, again = false): void {
    const exists = isDirectoryEntry(place.directory, place.name)
    // What stood here hid whatever the layers below have of this name; the directory must go on doing so.
    const hides = this.#whiteouts === 'overlay' && !exists && this.#replaces(place)
    if (!exists) {
      this.#clear(place, 'directory')
      mkdirAt(place.directory, place.name, 0o700)
      if (!member) this.#made.add(key(place))
    } else if (!member) return
    const owner = member && (this.#owner ?? member)
    if (owner) chownAt(place.directory, place.name, owner.uid, owner.gid)
    chmodAt(place.directory, place.name, mode)
    setXattrs(reach(place.directory, place.name), member, (exists && !again) || place.inherits)
    if (hides) setXattr(reach(place.directory, place.name), overlayXattr('opaque'), utf8('y'))
  }

  #replaces(place: Place): boolean {
    return statAt(place.directory, place.name) !== undefined || this.#absent.has(key(place))
  }

  /** Whatever stands there goes, a directory with its content: the entry replaces it. */
  #clear(place: Place, by: 'file' | 'directory'): void {
    if (this.#whiteouts === 'none') this.#refuseMixed(place, by)
    removeTree(place.directory, place.name)
  }

  #refuseMixed({ directory, name }: Place, by: 'file' | 'directory'): void {
    const isDirectory = isDirectoryEntry(directory, name)
    if (by === 'file' && isDirectory) fail('failed_precondition', 'a directory is in its place')
    if (by === 'directory' && !isDirectory && statAt(directory, name))
      fail('failed_precondition', 'a file is in the place of this directory')
  }

  #openFile(place: Place, member: TarMember): void {
    const flags = O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW
    const fd = openIn(place.directory, place.name, flags, { scope: 'beneath' })
    this.#file = { fd, place, at: 0, ...(member.sparse && { segments: [...member.sparse] }) }
    if (member.sparse) ftruncateSync(fd, member.size)
  }

  #makeLink(place: Place, member: TarMember): void {
    const [parent, name] = splitPath(this.#under + safePath(member.linkname ?? ''))
    const linked = (directory: number): boolean => {
      const stat = name === '' ? undefined : statAt(directory, name)
      if (!stat || isWhiteout(stat)) return false
      if ((stat.mode & FileType.mask) === FileType.directory) fail('invalid_argument', 'a hard link to a directory')
      if (stat.ino === statAt(place.directory, place.name)?.ino) return true
      this.#clear(place, 'file')
      linkAt(directory, name, place.directory, place.name)
      return true
    }
    const isLinked = withDirectory(this.#root, parent, linked, { follow: true })
    // In one layer alone the target may lie in a layer below: the snapshot's fix-up supplies it.
    if (!isLinked && this.#whiteouts !== 'overlay')
      fail('invalid_argument', `a hard link to nothing: ${member.linkname}`)
    if (isLinked) return
    // Nothing for now, but it has replaced what stood there.
    this.#clear(place, 'file')
    this.#made.delete(key(place))
    this.#absent.add(key(place))
  }
}

function closeFrom(open: number[], first: number): void {
  for (const fd of open.splice(first)) close(fd)
}
