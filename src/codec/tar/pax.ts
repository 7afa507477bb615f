import { decodeName } from '../names.ts'
import { NANOS } from '../time.ts'
import type { Nanoseconds } from '../types.ts'
import { malformed } from './place.ts'
import type { Place } from './place.ts'

/** What a PAX header says about the members after it; absent means that it says nothing. */
export interface PaxRecords {
  path?: string
  linkpath?: string
  size?: number
  uid?: number
  gid?: number
  uname?: string
  gname?: string
  mtime?: Nanoseconds
  devmajor?: number
  devminor?: number
  xattrs?: Map<string, Uint8Array>
  sparse?: PaxSparse
}

/** The GNU.sparse.* records of the formats 0.0, 0.1 and 1.0. */
export interface PaxSparse {
  major?: number
  minor?: number
  name?: string
  /** Size of the file, holes included: GNU.sparse.size or .realsize. */
  size?: number
  /** Offsets and lengths in turn (0.0 and 0.1). */
  map?: number[]
}

const SPACE = 0x20
const EQUALS = 0x3d
const SCHILY = 'SCHILY.xattr.'
const LIBARCHIVE = 'LIBARCHIVE.xattr.'

/** Reads the `"%d key=value\n"` records in `bytes[start, end)` (POSIX pax, "pax Extended Header"); copies what it keeps. */
export function parsePax(bytes: Buffer, start: number, end: number, place: Place): PaxRecords {
  const records: PaxRecords = {}
  for (let at = start; at < end;) {
    const next = recordEnd(bytes, at, end, place)
    let key = at
    while (bytes[key] !== SPACE) key++
    let equals = ++key
    while (equals < next && bytes[equals] !== EQUALS) if (bytes[equals++] === 0) malformed(place, 'PAX key with a NUL')
    if (equals === key || equals === next) malformed(place, 'PAX record without a key')
    setRecord(records, bytes, key, equals, next - 1, place)
    at = next
  }
  return records
}

/** Decimal seconds with any number of digits behind the point; what is finer than a nanosecond is cut off. */
function parsePaxTime(value: string): Nanoseconds | undefined {
  const match = /^(-?)(\d{1,19})(?:\.(\d*))?$/.exec(value)
  if (!match) return undefined
  const nanos = BigInt(match[2]!) * NANOS + BigInt((match[3] ?? '').slice(0, 9).padEnd(9, '0'))
  if (BigInt(match[2]!) >= 1n << 63n) return undefined
  return match[1] === '-' ? -nanos : nanos
}

/** The offset behind the record's newline. */
function recordEnd(bytes: Uint8Array, at: number, end: number, place: Place): number {
  let length = 0
  let i = at
  for (; i < end && bytes[i] !== SPACE; i++) {
    const digit = bytes[i]! - 0x30
    if (digit < 0 || digit > 9 || i - at > 9) malformed(place, 'PAX record length is not a number')
    length = length * 10 + digit
  }
  const next = at + length
  // The shortest record is "5 k=\n".
  if (length < 5 || i + 1 >= next || next > end || bytes[next - 1] !== 0x0a)
    malformed(place, 'PAX record has a wrong length')
  return next
}

/** Takes in the record with its key in `bytes[key, equals)` and its value in `bytes[equals + 1, end)`. */
function setRecord(records: PaxRecords, bytes: Buffer, key: number, equals: number, end: number, place: Place): void {
  // Times stand in nearly every header: those of no use to us are passed over before they cost a string.
  if (keyIs(bytes, key, equals, 'atime') || keyIs(bytes, key, equals, 'ctime')) return
  if (keyIs(bytes, key, equals, 'mtime')) return setTime(records, bytes.toString('latin1', equals + 1, end), place)
  const name = decodeName(bytes, key, equals)
  const value = bytes.subarray(equals + 1, end)
  if (name.startsWith(SCHILY)) setXattr(records, name.slice(SCHILY.length), Uint8Array.from(value))
  else if (name.startsWith(LIBARCHIVE)) setLibarchiveXattr(records, name.slice(LIBARCHIVE.length), value, place)
  else if (name.startsWith('GNU.sparse.')) setSparse((records.sparse ??= {}), name.slice(11), value, place)
  // An empty value means: as if the record were not there.
  else if (value.length > 0) setField(records, name, value, place)
}

function setField(records: PaxRecords, key: string, value: Buffer, place: Place): void {
  switch (key) {
    case 'path':
    case 'linkpath':
    case 'uname':
    case 'gname':
      records[key] = nameValue(key, value, place)
      break
    case 'size':
    case 'uid':
    case 'gid':
      records[key] = numberValue(key, value, place)
      break
    case 'SCHILY.devmajor':
      records.devmajor = numberValue(key, value, place)
      break
    case 'SCHILY.devminor':
      records.devminor = numberValue(key, value, place)
  }
}

function setTime(records: PaxRecords, value: string, place: Place): void {
  if (value !== '') records.mtime = parsePaxTime(value) ?? malformed(place, 'PAX mtime is not a time')
}

function keyIs(bytes: Uint8Array, at: number, end: number, key: string): boolean {
  if (end - at !== key.length) return false
  for (let i = 0; i < key.length; i++) if (bytes[at + i] !== key.charCodeAt(i)) return false
  return true
}

function setXattr(records: PaxRecords, name: string, value: Uint8Array): void {
  if (name !== '') (records.xattrs ??= new Map()).set(name, value)
}

/** libarchive percent-encodes the name and base64-encodes the value; it also writes the plain form, which wins. */
function setLibarchiveXattr(records: PaxRecords, encoded: string, value: Buffer, place: Place): void {
  let name: string
  try {
    name = decodeURIComponent(encoded)
  } catch {
    return malformed(place, 'PAX xattr name is not percent-encoded')
  }
  if (name.includes('\0')) malformed(place, 'PAX key with a NUL')
  const text = value.toString('latin1')
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) malformed(place, 'PAX xattr value is not base64')
  if (!records.xattrs?.has(name)) setXattr(records, name, Uint8Array.from(Buffer.from(text, 'base64')))
}

function setSparse(sparse: PaxSparse, key: string, value: Buffer, place: Place): void {
  switch (key) {
    case 'major':
    case 'minor':
      sparse[key] = numberValue(key, value, place)
      break
    case 'name':
      sparse.name = nameValue('GNU.sparse.name', value, place)
      break
    case 'size':
    case 'realsize':
      sparse.size = numberValue(key, value, place)
      break
    case 'offset':
    case 'numbytes':
      ;(sparse.map ??= []).push(numberValue(key, value, place))
      break
    case 'map':
      sparse.map = value.length === 0 ? [] : mapValue(value, place)
  }
}

/** `offset,length,offset,length…` */
function mapValue(value: Buffer, place: Place): number[] {
  const numbers = value.toString('latin1').split(',')
  return numbers.map((n) => decimal(n) ?? malformed(place, 'sparse map is not a list of numbers'))
}

function nameValue(key: string, value: Buffer, place: Place): string {
  const name = decodeName(value)
  return name.includes('\0') ? malformed(place, `PAX ${key} with a NUL`) : name
}

function numberValue(key: string, value: Buffer, place: Place): number {
  return decimal(value.toString('latin1')) ?? malformed(place, `PAX ${key} is not a number`)
}

/** A plain decimal number up to 2^53. */
export function decimal(digits: string): number | undefined {
  if (!/^\d{1,16}$/.test(digits)) return undefined
  const value = Number(digits)
  return Number.isSafeInteger(value) ? value : undefined
}
