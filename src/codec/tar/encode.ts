import { fail } from '#base'
import { encodeName } from '../names.ts'
import { NANOS } from '../time.ts'
import type { EntryType, TarEntry } from '../types.ts'
import { BLOCK } from './header.ts'
import { encodePax, paxTime, xattrRecord } from './records.ts'
import type { PaxRecord } from './records.ts'

const TYPE_FLAGS: Record<EntryType, string> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  chardev: '3',
  blockdev: '4',
  directory: '5',
  fifo: '6',
}

const MAX_ID = 0xffffffff

/** The fields of one ustar header; strings as bytes, numbers that do not fit replaced by 0. */
interface Fields {
  readonly typeflag: string
  readonly name: Uint8Array
  readonly prefix: Uint8Array
  readonly linkname: Uint8Array
  readonly uname: Uint8Array
  readonly gname: Uint8Array
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  readonly mtime: number
  readonly device: readonly [number, number] | undefined
}

/**
 * The header blocks of a member: plain ustar where that can say everything, else a PAX header with sorted
 * records before it. The same entry gives the same bytes, always. Holes are not written: a sparse entry
 * becomes a plain file of `size` bytes. `invalid_argument` for what no tar can hold.
 */
export function encodeHeader(entry: TarEntry): Uint8Array {
  const records: PaxRecord[] = []
  const fields = fieldsOf(entry, records)
  for (const [name, value] of entry.xattrs ?? []) records.push(xattrRecord(name, value))
  if (records.length === 0) return ustar(fields)
  const payload = encodePax(records)
  const block = ustar(paxFields(entry, payload.length))
  const blocks = new Uint8Array(2 * BLOCK + Math.ceil(payload.length / BLOCK) * BLOCK)
  blocks.set(block)
  blocks.set(payload, BLOCK)
  blocks.set(ustar(fields), blocks.length - BLOCK)
  return blocks
}

/** Puts into `records` what the ustar fields cannot hold. */
function fieldsOf(entry: TarEntry, records: PaxRecord[]): Fields {
  const path = splitPath(nameBytes(storedPath(entry), 'path'), records)
  const device = entry.type === 'chardev' || entry.type === 'blockdev'
  return {
    typeflag: TYPE_FLAGS[entry.type],
    ...path,
    linkname: stringOrRecord(nameBytes(linkTarget(entry), 'link target'), 100, 'linkpath', records),
    uname: stringOrRecord(nameBytes(entry.uname ?? '', 'user name'), 31, 'uname', records),
    gname: stringOrRecord(nameBytes(entry.gname ?? '', 'group name'), 31, 'gname', records),
    mode: inRange(entry.mode, 0o7777, 'mode', entry),
    uid: numberOrRecord(inRange(entry.uid, MAX_ID, 'uid', entry), 7, 'uid', records),
    gid: numberOrRecord(inRange(entry.gid, MAX_ID, 'gid', entry), 7, 'gid', records),
    size: numberOrRecord(contentSize(entry), 11, 'size', records),
    mtime: timeOrRecord(entry.mtime, records),
    device: device ? [deviceNumber(entry.devmajor, entry), deviceNumber(entry.devminor, entry)] : undefined,
  }
}

/** Bytes of data that follow the header: none but a file has any. */
export function contentSize(entry: TarEntry): number {
  return entry.type === 'file' ? inRange(entry.size, Number.MAX_SAFE_INTEGER, 'size', entry) : 0
}

function storedPath(entry: TarEntry): string {
  const path = entry.path.replace(/(?<=.)\/+$/s, '')
  if (entry.type === 'directory') return path.endsWith('/') ? path : `${path || '.'}/`
  return path === '' ? fail('invalid_argument', 'tar: member without a name') : path
}

function linkTarget(entry: TarEntry): string {
  if (entry.type !== 'symlink' && entry.type !== 'hardlink') return ''
  if (!entry.linkname) fail('invalid_argument', `tar: ${entry.type} ${JSON.stringify(entry.path)} without a target`)
  return entry.linkname
}

function nameBytes(name: string, what: string): Uint8Array {
  if (name.includes('\0')) fail('invalid_argument', `tar: ${what} ${JSON.stringify(name.slice(0, 200))} contains a NUL`)
  return name === '' ? NONE : encodeName(name)
}

const NONE = new Uint8Array(0)

function inRange(value: number, max: number, what: string, entry: TarEntry): number {
  if (Number.isSafeInteger(value) && value >= 0 && value <= max) return value
  return fail('invalid_argument', `tar: ${what} ${value} of ${JSON.stringify(entry.path)} is out of range`)
}

function deviceNumber(value: number | undefined, entry: TarEntry): number {
  return inRange(value ?? 0, 0o7777777, 'device number', entry)
}

/** Name and prefix as ustar splits them at a slash, or a `path` record and the best that fits. */
function splitPath(path: Uint8Array, records: PaxRecord[]): { name: Uint8Array; prefix: Uint8Array } {
  if (isAscii(path)) {
    if (path.length <= 100) return { name: path, prefix: NONE }
    // The last slash that leaves a prefix of at most 155 bytes; a trailing one splits nothing.
    const slash = path.subarray(0, Math.min(156, path.length - 1)).lastIndexOf(0x2f)
    if (slash > 0 && path.length - slash - 1 <= 100)
      return { name: path.subarray(slash + 1), prefix: path.subarray(0, slash) }
  }
  records.push({ key: 'path', value: path })
  return { name: asciiOnly(path, 100), prefix: NONE }
}

function stringOrRecord(value: Uint8Array, max: number, key: string, records: PaxRecord[]): Uint8Array {
  if (value.length <= max && isAscii(value)) return value
  records.push({ key, value })
  return asciiOnly(value, max)
}

function numberOrRecord(value: number, digits: number, key: string, records: PaxRecord[]): number {
  if (value < 8 ** digits) return value
  records.push({ key, value: encodeName(String(value)) })
  return 0
}

function timeOrRecord(mtime: bigint, records: PaxRecord[]): number {
  const seconds = mtime / NANOS
  const fits = seconds >= 0n && seconds < 1n << 33n
  if (!fits || mtime < 0n || mtime % NANOS !== 0n) records.push({ key: 'mtime', value: encodeName(paxTime(mtime)) })
  return fits ? Number(seconds) : 0
}

function isAscii(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i]! > 0x7f) return false
  return true
}

function asciiOnly(bytes: Uint8Array, max: number): Uint8Array {
  return bytes.subarray(0, max).map((byte) => (byte < 0x80 ? byte : 0x5f))
}

/** The header before PAX records: its name is for readers that do not know it and extract it as a file. */
function paxFields(entry: TarEntry, size: number): Fields {
  const base = entry.path.slice(entry.path.lastIndexOf('/') + 1)
  const name = asciiOnly(encodeName(`PaxHeaders.0/${base}`), 100)
  const zero = { mode: 0, uid: 0, gid: 0, mtime: 0, device: undefined }
  return { typeflag: 'x', name, prefix: NONE, linkname: NONE, uname: NONE, gname: NONE, size, ...zero }
}

function ustar(fields: Fields): Uint8Array {
  const block = new Uint8Array(BLOCK)
  block.set(fields.name, 0)
  octal(block, 100, 8, fields.mode)
  octal(block, 108, 8, fields.uid)
  octal(block, 116, 8, fields.gid)
  octal(block, 124, 12, fields.size)
  octal(block, 136, 12, fields.mtime)
  ascii(block, 156, fields.typeflag)
  block.set(fields.linkname, 157)
  ascii(block, 257, 'ustar\x0000')
  block.set(fields.uname, 265)
  block.set(fields.gname, 297)
  octal(block, 329, 8, fields.device?.[0] ?? 0)
  octal(block, 337, 8, fields.device?.[1] ?? 0)
  block.set(fields.prefix, 345)
  block.fill(0x20, 148, 156)
  let sum = 0
  for (let i = 0; i < BLOCK; i++) sum += block[i]!
  octal(block, 148, 7, sum)
  return block
}

/** `width` bytes: octal digits with leading zeros, then a NUL. */
function octal(block: Uint8Array, at: number, width: number, value: number): void {
  let rest = value
  for (let i = at + width - 2; i >= at; i--) {
    block[i] = 0x30 + (rest % 8)
    rest = Math.floor(rest / 8)
  }
  block[at + width - 1] = 0
}

function ascii(block: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) block[at + i] = text.charCodeAt(i)
}
