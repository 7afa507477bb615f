import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { posix } from 'node:path'
import { checkCanceled, fail } from '#base'
import type { Call } from '#base'
import { createTarParser, safePath } from '#codec'
import type { TarMember } from '#codec'
import { DOCUMENT_LIMIT } from '#oci'
import { readRange, readWhole } from '../blobread.ts'
import type { BlobFile } from '../blobread.ts'
import { diskError } from '../diskerror.ts'
import type { ArchiveFiles } from './files.ts'

/** Files that say what the others are: two of one name could be read two ways. */
const CONTROL: ReadonlySet<string> = new Set(['index.json', 'manifest.json', 'oci-layout', 'repositories'])
/** Members of an image archive: a few per layer. A bound for hostile ones. */
const ENTRIES_LIMIT = 200_000
const LINKS_LIMIT = 8
const STEP = 64 * 1024
const ZEROS: Uint8Array = new Uint8Array(1 << 20)

type Member = { readonly start: number; readonly size: number } | { readonly link: string } | { readonly sparse: true }

/**
 * A tar file, read through once for its headers; the data between them are skipped over, so an
 * archive of gigabytes opens in milliseconds. The file must not change while it is open.
 */
export function openTarFiles(path: string, name: string = path, call?: Call): ArchiveFiles {
  const members = scan(path, name, call)
  const find = (file: string): (BlobFile & { readonly size: number }) | undefined => {
    const member = follow(members, safePath(file), name)
    return member && { path, start: member.start, size: member.size }
  }
  return {
    name,
    size: (file) => find(file)?.size,
    read: (file, offset = 0, reading) => {
      const found = find(file) ?? fail('not_found', `${name} has no file ${file}`)
      return readRange(found, found.size, offset, reading)
    },
    document: (file) => {
      const found = find(file)
      if (!found) return undefined
      if (found.size > DOCUMENT_LIMIT)
        fail('resource_exhausted', `${file} in ${name} has ${found.size} bytes; at most ${DOCUMENT_LIMIT} are allowed`)
      return readWhole(found, found.size, 0)
    },
    [Symbol.asyncDispose]: async () => undefined,
  }
}

/** Follows links, both kinds, by name inside the archive. */
function follow(
  members: ReadonlyMap<string, Member>,
  path: string,
  name: string,
): { readonly start: number; readonly size: number } | undefined {
  let at = path
  for (let hops = 0; hops <= LINKS_LIMIT; hops++) {
    const member = members.get(at)
    if (!member) return undefined
    if ('sparse' in member)
      fail('unimplemented', `${path} in ${name} is stored as a sparse file`, { hint: 'pack the archive without -S' })
    if (!('link' in member)) return member
    at = member.link
  }
  return fail('invalid_argument', `${path} in ${name} is a link that leads nowhere`)
}

function scan(path: string, name: string, call?: Call): ReadonlyMap<string, Member> {
  const members = new Map<string, Member>()
  let bodyEnd = 0
  const parser = createTarParser(
    {
      onEntry: (member) => {
        bodyEnd = member.dataOffset + member.storedSize
        note(members, member, name)
      },
    },
    { entries: ENTRIES_LIMIT },
  )
  let fd: number | undefined
  try {
    fd = openSync(path, constants.O_RDONLY)
    const { size } = fstatSync(fd)
    const buffer = new Uint8Array(STEP)
    for (let at = 0; at < size;) {
      checkCanceled(call)
      const count = readSync(fd, buffer, 0, STEP, at)
      if (count === 0) break
      parser.write(buffer.subarray(0, count))
      at += count
      if (bodyEnd > size) fail('data_loss', `${name} is truncated: it ends inside a file`)
      // The parser counts bytes and does not look at data: zeros stand for what is not read.
      for (; at < bodyEnd; at += Math.min(ZEROS.length, bodyEnd - at))
        parser.write(ZEROS.subarray(0, Math.min(ZEROS.length, bodyEnd - at)))
    }
    parser.end()
    return members
  } catch (error) {
    throw diskError(error, 'read', path)
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

function note(members: Map<string, Member>, entry: TarMember, name: string): void {
  const path = safePath(entry.path)
  if (CONTROL.has(path) && members.has(path)) fail('invalid_argument', `${name} has two files ${path}: ambiguous`)
  switch (entry.type) {
    case 'file':
      members.set(path, entry.sparse ? { sparse: true } : { start: entry.dataOffset, size: entry.size })
      break
    case 'symlink':
      members.set(path, { link: safePath(posix.join(posix.dirname(path), entry.linkname ?? '')) })
      break
    case 'hardlink':
      members.set(path, { link: safePath(entry.linkname ?? '') })
      break
    default:
      // Directories say nothing that the files do not; anything else is no part of an image archive.
      members.delete(path)
  }
}
