import { decodeName } from '../names.ts'
import { malformed } from './place.ts'
import type { Place } from './place.ts'

export const BLOCK = 512

/** Header layouts that differ in what lies behind byte 257. */
export type HeaderFormat = 'v7' | 'ustar' | 'star' | 'gnu'

/** One 512-byte header as it stands, nothing folded in yet. */
export interface Header {
  readonly format: HeaderFormat
  /** ASCII code of the type flag. */
  readonly typeflag: number
  readonly path: string
  readonly linkname: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  /** Seconds. */
  readonly mtime: bigint
  readonly uname: string
  readonly gname: string
  readonly devmajor: number
  readonly devminor: number
}

/**
 * Fields are read in loops over these tables: a call for each would be inlined as often, and the engine would
 * spend 150 ms on compiling what then runs for 20.
 */
const STRINGS = { at: [0, 157, 265, 297], length: [100, 100, 32, 32] } as const
const NUMBERS = {
  at: [100, 108, 116, 124, 329, 337],
  length: [8, 8, 8, 12, 8, 8],
  what: ['mode', 'uid', 'gid', 'size', 'device number', 'device number'],
} as const
/** How many of them every header has: v7 has no names of owners, and only devices have numbers. */
const PLAIN_STRINGS = 2
const PLAIN_NUMBERS = 4

/** Reads the block at `at`, checksum first. */
export function parseHeader(block: Buffer, at: number, place: Place): Header {
  verifyChecksum(block, at, place)
  const format = formatOf(block, at)
  const extended = format !== 'v7'
  const strings = ['', '', '', '']
  for (let i = 0; i < (extended ? STRINGS.at.length : PLAIN_STRINGS); i++)
    strings[i] = stringField(block, at + STRINGS.at[i]!, STRINGS.length[i]!)
  const [name = '', linkname = '', uname = '', gname = ''] = strings
  place.name = name
  const prefix = prefixOf(block, at, format)
  const typeflag = block[at + 156]!
  const device = extended && (typeflag === 51 || typeflag === 52)
  const numbers = [0, 0, 0, 0, 0, 0]
  for (let i = 0; i < (device ? NUMBERS.at.length : PLAIN_NUMBERS); i++)
    numbers[i] = numberField(block, at + NUMBERS.at[i]!, NUMBERS.length[i]!, place, NUMBERS.what[i]!)
  return {
    format,
    typeflag,
    path: prefix === '' ? name : `${prefix}/${name}`,
    linkname,
    mode: numbers[0]!,
    uid: numbers[1]!,
    gid: numbers[2]!,
    size: numbers[3]!,
    mtime: timeField(block, at + 136, 12, place),
    uname,
    gname,
    devmajor: numbers[4]!,
    devminor: numbers[5]!,
  }
}

/** True if the 512 bytes at `at` are all zero: an end-of-archive block. */
export function isZeroBlock(block: Uint8Array, at: number): boolean {
  for (let i = at; i < at + BLOCK; i++) if (block[i] !== 0) return false
  return true
}

/** A number in octal (space or NUL around it) or in GNU's base 256; refused if negative or above 2^53. */
export function numberField(block: Uint8Array, start: number, length: number, place: Place, what: string): number {
  if (block[start]! & 0x80) {
    const value = base256(block, start, length)
    if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) malformed(place, `${what} out of range`)
    return Number(value)
  }
  const end = start + length
  let at = start
  while (at < end && (block[at] === 0x20 || block[at] === 0)) at++
  let value = 0
  for (; at < end; at++) {
    const digit = block[at]! - 0x30
    if (digit >= 0 && digit < 8) value = value * 8 + digit
    else if (block[at] === 0x20 || block[at] === 0) break
    else malformed(place, `${what} is not an octal number`)
  }
  return value
}

function timeField(block: Uint8Array, start: number, length: number, place: Place): bigint {
  if (!(block[start]! & 0x80)) return BigInt(numberField(block, start, length, place, 'mtime'))
  const seconds = base256(block, start, length)
  if (BigInt.asIntN(64, seconds) !== seconds) malformed(place, 'mtime out of range')
  return seconds
}

/** Two's complement, big-endian; the top bit is only the mark, so the sign is the bit below it. */
function base256(block: Uint8Array, start: number, length: number): bigint {
  let value = BigInt(block[start]! & 0x7f)
  for (let i = 1; i < length; i++) value = (value << 8n) | BigInt(block[start + i]!)
  return BigInt.asIntN(8 * length - 1, value)
}

function stringField(block: Buffer, start: number, length: number): string {
  const limit = start + length
  let end = start
  while (end < limit && block[end] !== 0) end++
  return end === start ? '' : decodeName(block, start, end)
}

function formatOf(block: Uint8Array, at: number): HeaderFormat {
  if (!matches(block, at + 257, 'ustar')) return 'v7'
  if (matches(block, at + 262, '  \0')) return 'gnu'
  if (block[at + 262] !== 0) return 'v7'
  return matches(block, at + 508, 'tar\0') ? 'star' : 'ustar'
}

function prefixOf(block: Buffer, at: number, format: HeaderFormat): string {
  const start = at + 345
  if (format === 'v7' || block[start] === 0) return ''
  if (format === 'star') return stringField(block, start, 131)
  // GNU keeps atime here. Go before 1.8 (and the docker of its day) wrote a prefix all the same.
  if (format === 'gnu' && (block[start]! & 0x80 || isOctal(block, start, 12))) return ''
  return stringField(block, start, 155)
}

function isOctal(block: Uint8Array, start: number, length: number): boolean {
  for (let i = start; i < start + length; i++) {
    const byte = block[i]!
    if ((byte < 0x30 || byte > 0x37) && byte !== 0x20 && byte !== 0) return false
  }
  return true
}

/** The sum of the header's bytes, its own field read as spaces; old tars summed signed bytes. */
function verifyChecksum(block: Uint8Array, at: number, place: Place): void {
  let sum = 0
  for (let i = at; i < at + BLOCK; i++) sum += block[i]!
  for (let i = at + 148; i < at + 156; i++) sum += 0x20 - block[i]!
  const stored = numberField(block, at + 148, 8, place, 'header checksum')
  if (stored === sum) return
  for (let i = at; i < at + BLOCK; i++) if (block[i]! & 0x80 && (i < at + 148 || i >= at + 156)) sum -= 0x100
  if (stored !== sum) malformed(place, 'header checksum does not match')
}

function matches(block: Uint8Array, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (block[at + i] !== text.charCodeAt(i)) return false
  return true
}
