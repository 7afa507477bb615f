import { fail } from '#base'
import { decodeName, encodeName } from '../names.ts'

/** Many short byte strings in one growing array, each known by where it begins. */
export class Arena {
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(64 << 10)
  length = 0
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Puts a string behind the end without keeping it: its length. The next call overwrites it unless `keep` is called. */
  stage(text: string): number {
    const { length } = text
    this.reserve(length)
    const { bytes } = this
    for (let i = 0, at = this.length; i < length; i++, at++) {
      const code = text.charCodeAt(i)
      if (code >= 0x80) return this.#stageEncoded(text)
      bytes[at] = code
    }
    return length
  }

  /** Keeps what was staged: where it begins. */
  keep(length: number): number {
    const start = this.length
    this.length += length
    return start
  }

  /** What was staged as a string of these bytes. */
  text(start: number, length: number): string {
    return decodeName(this.bytes, start, start + length)
  }

  /** Counts bytes that are held elsewhere against the limit. */
  charge(count: number): void {
    this.#charged += count
    this.reserve(0)
  }
  #charged = 0

  reserve(count: number): void {
    const needed = this.length + count
    if (needed + this.#charged > this.#limit)
      fail('resource_exhausted', `a layer with more than ${this.#limit} bytes of names and attributes`)
    if (needed <= this.bytes.length) return
    this.bytes = new Uint8Array(this.bytes.buffer.transfer(Math.max(needed, 2 * this.bytes.length)))
  }

  #stageEncoded(text: string): number {
    const encoded = encodeName(text)
    this.reserve(encoded.length)
    this.bytes.set(encoded, this.length)
    return encoded.length
  }
}

/** From here on a column is given room to grow in place. */
const LARGE = 256 << 10
/** How much room: address space, not memory. */
const ROOM = 128

/**
 * The same memory with as much again behind it: taken from the array, so that no copy waits for the collector, and from
 * some size on in place, where what is not used yet takes no memory and is not counted by the collector.
 */
export function doubled(array: { readonly buffer: ArrayBuffer; readonly byteLength: number }): ArrayBuffer {
  const { buffer, byteLength } = array
  if (byteLength < LARGE) return buffer.transfer(2 * byteLength)
  if (2 * byteLength > buffer.maxByteLength) {
    const roomy = new ArrayBuffer(2 * byteLength, { maxByteLength: ROOM * byteLength })
    new Uint8Array(roomy).set(new Uint8Array(buffer))
    return roomy
  }
  buffer.resize(2 * byteLength)
  return buffer
}

/** Bytewise order, the shorter first where one begins with the other: EROFS's order of names. */
export function compareBytes(bytes: Uint8Array, a: number, aLength: number, b: number, bLength: number): number {
  const length = Math.min(aLength, bLength)
  for (let i = 0; i < length; i++) {
    const difference = bytes[a + i]! - bytes[b + i]!
    if (difference !== 0) return difference
  }
  return aLength - bLength
}
