import { decodeName } from '../names.ts'
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

const SCHILY = 'SCHILY.xattr.'
const LIBARCHIVE = 'LIBARCHIVE.xattr.'

/** Reads `"%d key=value\n"` records (POSIX pax, "pax Extended Header"); values of xattrs are copied. */
export function parsePax(bytes: Buffer, place: Place): PaxRecords {
  const records: PaxRecords = {}
  for (let at = 0; at < bytes.length;) {
    const end = recordEnd(bytes, at, place)
    const key = bytes.indexOf(0x20, at) + 1
    const equals = bytes.indexOf(0x3d, key)
    if (equals <= key || equals >= end) malformed(place, 'PAX record without a key')
    const name = decodeName(bytes, key, equals)
    if (name.includes('\0')) malformed(place, 'PAX key with a NUL')
    setRecord(records, name, bytes.subarray(equals + 1, end - 1), place)
    at = end
  }
  return records
}

/** Records of `over` on top of `base`; xattrs are united. */
export function mergePax(base: PaxRecords, over: PaxRecords): PaxRecords {
  const merged = { ...base, ...over }
  if (base.xattrs && over.xattrs) merged.xattrs = new Map([...base.xattrs, ...over.xattrs])
  return merged
}

/** Decimal seconds with any number of digits behind the point; what is finer than a nanosecond is cut off. */
export function parsePaxTime(value: string): Nanoseconds | undefined {
  const match = /^(-?)(\d{1,19})(?:\.(\d*))?$/.exec(value)
  if (!match) return undefined
  const nanos = BigInt(match[2]!) * 1_000_000_000n + BigInt((match[3] ?? '').slice(0, 9).padEnd(9, '0'))
  if (BigInt(match[2]!) >= 1n << 63n) return undefined
  return match[1] === '-' ? -nanos : nanos
}

/** The offset behind the record's newline. */
function recordEnd(bytes: Uint8Array, at: number, place: Place): number {
  let length = 0
  let i = at
  for (; i < bytes.length && bytes[i] !== 0x20; i++) {
    const digit = bytes[i]! - 0x30
    if (digit < 0 || digit > 9 || i - at > 9) malformed(place, 'PAX record length is not a number')
    length = length * 10 + digit
  }
  const end = at + length
  // The shortest record is "5 k=\n".
  if (length < 5 || end > bytes.length || bytes[end - 1] !== 0x0a) malformed(place, 'PAX record has a wrong length')
  return end
}

function setRecord(records: PaxRecords, key: string, value: Buffer, place: Place): void {
  if (key.startsWith(SCHILY)) return setXattr(records, key.slice(SCHILY.length), Uint8Array.from(value))
  if (key.startsWith(LIBARCHIVE)) return setLibarchiveXattr(records, key.slice(LIBARCHIVE.length), value, place)
  if (key.startsWith('GNU.sparse.')) return setSparse((records.sparse ??= {}), key.slice(11), value, place)
  // An empty value means: as if the record were not there.
  if (value.length === 0) return
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
      break
    case 'mtime':
      records.mtime = parsePaxTime(value.toString('latin1')) ?? malformed(place, 'PAX mtime is not a time')
  }
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
