import { writeSync } from 'node:fs'
import { decodeName, type TarMember } from '#codec'
import {
  FileType,
  getXattr,
  inUserNamespace,
  listXattrs,
  mknodAt,
  readlinkAt,
  removeXattr,
  setXattr,
  statAt,
  symlinkAt,
} from '#sys'
import { isOverlayXattr } from './overlayfs.ts'
import { reach } from './tree.ts'

/** One entry's place: an open directory and a name in it. */
export interface Place {
  readonly directory: number
  /** Inode of the directory: with the name it identifies the entry, by whatever path it is reached. */
  readonly ino: bigint
  readonly name: string
  /** The directory gives new entries a default ACL, which a layer knows nothing of. */
  readonly inherits: boolean
}

export interface OpenFile {
  readonly fd: number
  readonly place: Place
  /** Data segments still to be filled; absent for a plain file. */
  readonly segments?: { readonly offset: number; readonly length: number }[]
  /** Where in the first segment, or the file, the next byte goes. */
  at: number
}

export function placeIn(directory: number, name: string): Place {
  return { directory, name, ...identify(directory) }
}

/** What of a directory its entries' places need. */
export function identify(directory: number): Pick<Place, 'ino' | 'inherits'> {
  const inherits = getXattr(reach(directory, '.'), 'system.posix_acl_default') !== undefined
  return { ino: statAt(directory, '')?.ino ?? 0n, inherits }
}

export function key(place: Place): string {
  return `${place.ino}/${place.name}`
}

/** Where the symlink points that stands there; undefined if none does. */
export function linkTarget(place: Place): string | undefined {
  const stat = statAt(place.directory, place.name)
  if (!stat || (stat.mode & FileType.mask) !== FileType.symlink) return undefined
  return decodeName(readlinkAt(place.directory, place.name))
}

/** A symlink, device or fifo; false where a user namespace forbids it. */
export function makeSpecial(place: Place, member: TarMember): boolean {
  if (member.type === 'symlink') symlinkAt(member.linkname ?? '', place.directory, place.name)
  else {
    const device = member.type === 'fifo' ? FileType.fifo : FileType[member.type as 'chardev' | 'blockdev']
    if (member.type !== 'fifo' && inUserNamespace()) return false
    mknodAt(place.directory, place.name, device | 0o600, member.devmajor, member.devminor)
  }
  return true
}

/** Sets the member's attributes; with `exact`, others that the file has (a parent's default ACL gives some) go. */
export function setXattrs(target: string | number, member: TarMember | undefined, exact: boolean): void {
  if (exact)
    for (const name of listXattrs(target))
      if (!member?.xattrs?.has(name) && !isOverlayXattr(name) && !name.startsWith('security.'))
        removeXattr(target, name)
  for (const [name, value] of member?.xattrs ?? []) {
    if (isOverlayXattr(name) || (name.startsWith('trusted.') && inUserNamespace())) continue
    setXattr(target, name, value)
  }
}

export function writeData(file: OpenFile, bytes: Uint8Array): void {
  for (let from = 0; from < bytes.length;) {
    const segment = file.segments?.[0]
    const room = segment ? segment.length - file.at : bytes.length
    const wanted = Math.min(bytes.length - from, room)
    const written = writeSync(file.fd, bytes, from, wanted, segment ? segment.offset + file.at : null)
    from += written
    file.at += written
    if (segment && file.at === segment.length) {
      file.segments?.shift()
      file.at = 0
    }
  }
}
