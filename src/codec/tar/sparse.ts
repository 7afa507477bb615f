import type { SparseSegment } from '../types.ts'
import { BLOCK, numberField } from './header.ts'
import { decimal } from './pax.ts'
import { malformed } from './place.ts'
import type { Place } from './place.ts'

/** Offsets and lengths in turn, as every sparse format has them. */
export type SparseMap = number[]

/** Old GNU: reads `count` 24-byte slots into `map`; an empty slot ends the list. */
export function readSparseSlots(block: Uint8Array, at: number, count: number, map: SparseMap, place: Place): void {
  for (let slot = at; slot < at + 24 * count; slot += 24) {
    if (block[slot] === 0) return
    map.push(numberField(block, slot, 12, place, 'sparse map'), numberField(block, slot + 12, 12, place, 'sparse map'))
  }
}

/** Format 1.0 keeps the map before the data: a count, then offset and length, each a decimal line, padded to a block. */
export class SparseMapReader {
  readonly #lines: number[] = []
  #partial = ''

  /** Takes one block; the map once it is whole. */
  push(block: Buffer, at: number, place: Place): SparseMap | undefined {
    const lines = (this.#partial + block.toString('latin1', at, at + BLOCK)).split('\n')
    this.#partial = lines.pop()!
    for (const line of lines) {
      this.#lines.push(decimal(line) ?? malformed(place, 'sparse map is not a list of numbers'))
      if (this.#lines.length === 1 + 2 * this.#lines[0]!) return this.#lines.slice(1)
    }
    if (this.#partial.length > BLOCK) malformed(place, 'sparse map is not a list of numbers')
    return undefined
  }
}

/** The map as segments: ascending, inside the file, and together exactly what is stored. */
export function sparseSegments(map: SparseMap, size: number, stored: number, place: Place): SparseSegment[] {
  if (map.length % 2 !== 0) malformed(place, 'sparse map has an odd number of values')
  const segments: SparseSegment[] = []
  let end = 0
  let sum = 0
  for (let i = 0; i < map.length; i += 2) {
    const offset = map[i]!
    const length = map[i + 1]!
    if (offset < end || offset + length > size) malformed(place, 'sparse map overlaps or exceeds the file')
    end = offset + length
    sum += length
    if (length > 0) segments.push({ offset, length })
  }
  if (sum !== stored) malformed(place, `sparse map covers ${sum} bytes where ${stored} are stored`)
  return segments
}
