/**
 * File names are bytes; ours are strings. UTF-8 decodes as usual, and each byte that is not part of
 * well-formed UTF-8 becomes a lone surrogate U+DC80…U+DCFF, so that every name survives the way in and out.
 */

const REPLACEMENT = '\ufffd'
const ESCAPE = 0xdc00

/** The name in `bytes[start, end)`. Inverse of {@link encodeName}, whatever the bytes are. */
export function decodeName(bytes: Uint8Array, start = 0, end: number = bytes.length): string {
  const buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const name = buffer.toString('utf8', start, end)
  return name.includes(REPLACEMENT) ? decodeEscaped(bytes, start, end) : name
}

/** The bytes of a name, escaped ones restored. */
export function encodeName(name: string): Uint8Array {
  if (name.isWellFormed()) return Buffer.from(name, 'utf8')
  const parts: number[] = []
  for (const char of name) {
    const code = char.codePointAt(0)!
    if (code > ESCAPE + 0x7f && code <= ESCAPE + 0xff) parts.push(code - ESCAPE)
    else parts.push(...Buffer.from(char, 'utf8'))
  }
  return Uint8Array.from(parts)
}

/** By hand into UTF-16: hostile names may be long, and a string per byte would cost fifty times as much. */
function decodeEscaped(bytes: Uint8Array, start: number, end: number): string {
  const units = Buffer.allocUnsafe(2 * (end - start))
  let filled = 0
  for (let at = start; at < end;) {
    const length = sequenceLength(bytes, at, end)
    const code = length === 0 ? ESCAPE + bytes[at]! : codePoint(bytes, at, length)
    if (code > 0xffff) filled = units.writeUInt16LE(0xd7c0 + (code >> 10), filled)
    filled = units.writeUInt16LE(code > 0xffff ? 0xdc00 + (code & 0x3ff) : code, filled)
    at += length || 1
  }
  return units.toString('utf16le', 0, filled)
}

function codePoint(bytes: Uint8Array, at: number, length: number): number {
  const lead = bytes[at]!
  if (length === 1) return lead
  let code = lead & (0x7f >> length)
  for (let i = 1; i < length; i++) code = (code << 6) | (bytes[at + i]! & 0x3f)
  return code
}

/** Bytes of the well-formed UTF-8 sequence at `at`, 0 if there is none (Unicode table 3-7). */
function sequenceLength(bytes: Uint8Array, at: number, end: number): number {
  const lead = bytes[at]!
  if (lead < 0x80) return 1
  const length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0
  if (length === 0 || at + length > end) return 0
  const second = bytes[at + 1]!
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  if (second < low || second > high) return 0
  for (let i = 2; i < length; i++) if ((bytes[at + i]! & 0xc0) !== 0x80) return 0
  return length
}
