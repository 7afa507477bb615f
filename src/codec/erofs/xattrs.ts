import { fail } from '#base'
import { encodeName } from '../names.ts'

/** Prefixes that are written as a number; other attributes exist on no Linux file system that layers come from. */
const PREFIXES: readonly (readonly [prefix: string, index: number])[] = [
  ['user.', 1],
  ['system.posix_acl_access', 2],
  ['system.posix_acl_default', 3],
  ['trusted.', 4],
  ['security.', 6],
]
const ACL = 'system.posix_acl_'
const OPAQUE = 'trusted.overlay.opaque'
const ORIGIN = 'trusted.overlay.origin'
/** The inode counts its body in units of 4 behind a header of 12. */
const MAX_BODY = 12 + 4 * 0xfffe

export type Xattrs = ReadonlyMap<string, Uint8Array>

/** What overlayfs is to read from a directory. */
export interface OverlayMarks {
  /** Hides the same directory of the layers below. */
  readonly opaque: boolean
  /** It has whiteouts: without an origin, overlayfs would list them as they are if no other layer has the directory. */
  readonly whiteouts: boolean
}

/**
 * Those attributes of a member that the image keeps. overlayfs's own are dropped, or a layer could forge
 * what it hides; so are kinds that Linux has no place for, as every extractor does.
 */
export function keptXattrs(xattrs: Xattrs): Map<string, Uint8Array> {
  const kept = new Map<string, Uint8Array>()
  for (const [name, value] of xattrs) {
    if (name.startsWith('trusted.overlay.') || name.startsWith('user.overlay.')) continue
    const prefix = prefixOf(name)
    if (!prefix) continue
    check(name, prefix[0], value)
    kept.set(name, value)
  }
  return kept
}

/** The xattr body that follows an inode; empty if there is nothing to say. */
export function encodeXattrs(xattrs: Xattrs, marks: OverlayMarks): Uint8Array {
  const all = new Map(xattrs)
  if (marks.opaque) all.set(OPAQUE, Uint8Array.of(0x79))
  if (marks.whiteouts) all.set(ORIGIN, new Uint8Array(0))
  if (all.size === 0) return new Uint8Array(0)
  // Sorted, so that the order of a PAX header's records does not show.
  const entries = [...all].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => encodeEntry(name, value))
  const size = entries.reduce((sum, entry) => sum + entry.length, 12)
  if (size > MAX_BODY) fail('invalid_argument', `extended attributes of ${size} bytes on one file`)
  const body = new Uint8Array(size)
  let at = 12
  for (const entry of entries) {
    body.set(entry, at)
    at += entry.length
  }
  return body
}

/** One key for equal attribute sets. */
export function xattrKey(xattrs: Xattrs): string {
  return [...xattrs]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}\0${value.length}:${Buffer.from(value).toString('latin1')}`)
    .join('')
}

/** The full name of an attribute by its index and the rest of its name; undefined for an unknown index. */
export function xattrName(index: number, rest: string): string | undefined {
  const prefix = PREFIXES.find(([, number]) => number === index)
  return prefix && prefix[0] + rest
}

function encodeEntry(name: string, value: Uint8Array): Uint8Array {
  const [prefix, index] = prefixOf(name)!
  const rest = encodeName(name.slice(prefix.length))
  const entry = new Uint8Array((4 + rest.length + value.length + 3) & ~3)
  entry[0] = rest.length
  entry[1] = index
  entry[2] = value.length & 0xff
  entry[3] = value.length >> 8
  entry.set(rest, 4)
  entry.set(value, 4 + rest.length)
  return entry
}

function prefixOf(name: string): readonly [string, number] | undefined {
  return PREFIXES.find(([prefix]) => (prefix.endsWith('.') ? name.startsWith(prefix) : name === prefix))
}

/** Linux's own bounds (XATTR_NAME_MAX, XATTR_SIZE_MAX) and EROFS's 16-bit length. */
function check(name: string, prefix: string, value: Uint8Array): void {
  const tooLong = encodeName(name).length > 255 || value.length > 0xffff
  if (tooLong || name === prefix.replace(/[^.]$/, '$&.'))
    fail('invalid_argument', `extended attribute ${JSON.stringify(name.slice(0, 200))} is too long or has no name`)
  // The kernel parses an ACL on every access: with a broken one the file could not even be opened.
  if (name.startsWith(ACL) && !isAcl(value)) fail('invalid_argument', `${name} is not an access control list`)
}

/** Version 2 and 8-byte entries of known kinds (linux/posix_acl_xattr.h). */
function isAcl(value: Uint8Array): boolean {
  const view = new DataView(value.buffer, value.byteOffset, value.length)
  if (value.length < 4 || (value.length - 4) % 8 !== 0 || view.getUint32(0, true) !== 2) return false
  for (let at = 4; at < value.length; at += 8)
    if (![1, 2, 4, 8, 16, 32].includes(view.getUint16(at, true)) || view.getUint16(at + 2, true) > 7) return false
  return true
}
