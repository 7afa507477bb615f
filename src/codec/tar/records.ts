import { concat, fail } from '#base'
import { encodeName } from '../names.ts'
import { NANOS } from '../time.ts'
import type { Nanoseconds } from '../types.ts'

/** One `key=value` of a PAX header. */
export interface PaxRecord {
  readonly key: string
  readonly value: Uint8Array
}

const EQUALS = Uint8Array.of(0x3d)
const NEWLINE = Uint8Array.of(0x0a)

/** The payload of a PAX header, records sorted by their keys' bytes. */
export function encodePax(records: readonly PaxRecord[]): Uint8Array {
  const keyed = records.map(({ key, value }) => ({ key: encodeName(key), value }))
  keyed.sort((a, b) => Buffer.compare(a.key, b.key))
  const parts = keyed.map(({ key, value }) => encodeRecord(key, value))
  // Names are UTF-8 by definition; POSIX has this record for those that are not, and it must come first.
  if (!keyed.every(({ key, value }) => isText(key) || isUtf8(value)))
    parts.unshift(encodeRecord(encodeName('hdrcharset'), encodeName('BINARY')))
  return concat(parts)
}

/** `SCHILY.xattr.NAME`, which everybody reads; libarchive's form for the names that this cannot hold. */
export function xattrRecord(name: string, value: Uint8Array): PaxRecord {
  if (name === '' || name.includes('\0') || (name.includes('=') && !name.isWellFormed()))
    fail('invalid_argument', `tar: no archive can hold an extended attribute named ${JSON.stringify(name)}`)
  if (!name.includes('=')) return { key: `SCHILY.xattr.${name}`, value }
  const base64 = encodeName(Buffer.from(value).toString('base64'))
  return { key: `LIBARCHIVE.xattr.${encodeURIComponent(name)}`, value: base64 }
}

/** Seconds with as many decimals as are needed: `-1.5`. */
export function paxTime(time: Nanoseconds): string {
  const size = time < 0n ? -time : time
  const fraction = String(size % NANOS)
    .padStart(9, '0')
    .replace(/0+$/, '')
  return `${time < 0n ? '-' : ''}${size / NANOS}${fraction && `.${fraction}`}`
}

/** The length counts itself, so it may have to grow by a digit. */
function encodeRecord(key: Uint8Array, value: Uint8Array): Uint8Array {
  const rest = key.length + value.length + 3
  let length = rest + String(rest).length
  length = rest + String(length).length
  return concat([encodeName(`${length} `), key, EQUALS, value, NEWLINE])
}

function isText(key: Uint8Array): boolean {
  // Attributes are bytes whatever the charset: only the names among the records are text.
  return key.includes(0x2e)
}

function isUtf8(value: Uint8Array): boolean {
  return process.getBuiltinModule('node:buffer').isUtf8(value)
}
