import { NANOS } from '../time.ts'
import type { EntryType, Nanoseconds, TarMember } from '../types.ts'
import type { Header } from './header.ts'
import type { PaxRecords } from './pax.ts'
import { failAt, malformed } from './place.ts'
import type { Place } from './place.ts'

/** A member being put together; what the parser hands out is the same object, finished. */
export type Draft = { -readonly [K in keyof TarMember]: TarMember[K] }

/** What GNU L and K members said about the next member. */
export interface GnuNames {
  path?: string
  linkname?: string
}

const MAX_ID = 0xffffffff

/** The kind of member by type flag; undefined for flags that are no member of their own. */
function entryTypeOf(header: Header, path: string, place: Place): EntryType {
  switch (String.fromCharCode(header.typeflag)) {
    case '\0':
      // v7 had no type for directories: the slash said it.
      return path.endsWith('/') ? 'directory' : 'file'
    case '0':
    case '7':
    case 'S':
      return 'file'
    case '1':
      return 'hardlink'
    case '2':
      return 'symlink'
    case '3':
      return 'chardev'
    case '4':
      return 'blockdev'
    case '5':
    case 'D':
      return 'directory'
    case '6':
      return 'fifo'
    default:
      return failAt(place, 'unimplemented', `member type ${JSON.stringify(String.fromCharCode(header.typeflag))}`)
  }
}

/** Folds PAX and GNU headers into the plain one. `dataOffset` and sparse fields are still to be set. */
export function draftMember(header: Header, pax: PaxRecords, gnu: GnuNames, place: Place): Draft {
  const path = pax.sparse?.name ?? gnu.path ?? pax.path ?? header.path
  place.name = path
  const type = entryTypeOf(header, path, place)
  const size = type === 'file' ? (pax.size ?? header.size) : 0
  const draft: Draft = {
    type,
    path: trimSlashes(path),
    mode: header.mode & 0o7777,
    uid: owner(pax.uid ?? header.uid, place),
    gid: owner(pax.gid ?? header.gid, place),
    mtime: pax.mtime ?? mtimeOf(header),
    size,
    dataOffset: 0,
    storedSize: size,
  }
  const uname = pax.uname ?? header.uname
  const gname = pax.gname ?? header.gname
  if (uname !== '') draft.uname = uname
  if (gname !== '') draft.gname = gname
  if (type === 'symlink' || type === 'hardlink') {
    draft.linkname = gnu.linkname ?? pax.linkpath ?? header.linkname
    if (draft.linkname === '') malformed(place, `${type} without a target`)
  }
  if (type === 'chardev' || type === 'blockdev') {
    draft.devmajor = pax.devmajor ?? header.devmajor
    draft.devminor = pax.devminor ?? header.devminor
  }
  if (pax.xattrs) draft.xattrs = pax.xattrs
  return draft
}

/** Bytes that follow the header of this member. */
export function bodySize(header: Header, draft: Draft, pax: PaxRecords): number {
  // GNU dump directories carry a list of names; other members that are no files carry nothing, whatever they claim.
  return header.typeflag === 0x44 ? (pax.size ?? header.size) : draft.storedSize
}

function mtimeOf(header: Header): Nanoseconds {
  return header.mtime * NANOS
}

function owner(id: number, place: Place): number {
  return id > MAX_ID ? malformed(place, 'owner id out of range') : id
}

function trimSlashes(path: string): string {
  let end = path.length
  while (end > 1 && path[end - 1] === '/') end--
  return end === path.length ? path : path.slice(0, end)
}
