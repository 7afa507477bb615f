import { compareBytes, doubled } from './erofs/arena.ts'
import { decodeName } from './names.ts'

/**
 * The names of a directory in bytewise order, in a few bytes each: a directory may have any number. Those of the kernel
 * go in by {@link add}; they come out as strings, made anew each time.
 */
export class SortedNames implements Iterable<string> {
  length = 0
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(1024)
  #filled = 0
  /** Where each name begins, which is where the one added before it ends, and how long it is. */
  #starts: Uint32Array<ArrayBuffer> = new Uint32Array(64)
  #lengths: Uint16Array<ArrayBuffer> = new Uint16Array(64)
  #isSorted = true

  /** The name in `bytes[start, end)`. */
  add(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start
    while (this.#filled + length > this.#bytes.length) this.#bytes = new Uint8Array(doubled(this.#bytes))
    if (this.length === this.#starts.length) {
      this.#starts = new Uint32Array(doubled(this.#starts))
      this.#lengths = new Uint16Array(doubled(this.#lengths))
    }
    for (let at = start, to = this.#filled; at < end; at++, to++) this.#bytes[to] = bytes[at]!
    this.#starts[this.length] = this.#filled
    this.#lengths[this.length++] = length
    this.#filled += length
    this.#isSorted = false
  }

  at(index: number): string {
    this.#sort()
    const start = this.#starts[index]!
    return decodeName(this.#bytes, start, start + this.#lengths[index]!)
  }

  *[Symbol.iterator](): Generator<string, void, void> {
    for (let index = 0; index < this.length; index++) yield this.at(index)
  }

  #sort(): void {
    if (this.#isSorted) return
    this.#isSorted = true
    const order = new Uint32Array(this.length).map((_, index) => index)
    this.#sortFrom(order, 0)
    const [starts, lengths] = [this.#starts, this.#lengths]
    this.#starts = order.map((index) => starts[index]!)
    this.#lengths = new Uint16Array(this.length).map((_, index) => lengths[order[index]!]!)
  }

  /**
   * Sorts names that are the same up to a depth: by their next four bytes and, of those that have the same four, by what
   * follows. The words are sorted as numbers that carry the place in `order`, which needs no comparison in JavaScript:
   * a third of the time.
   */
  #sortFrom(order: Uint32Array, depth: number): void {
    if (order.length < 2) return
    if (order.length > MOST) return void order.sort((a, b) => this.#compare(a, b))
    const keys = new Float64Array(order.length)
    for (let i = 0; i < order.length; i++) keys[i] = this.#word(order[i]!, depth) * MOST + i
    keys.sort()
    const old = order.slice()
    let first = 0
    for (let i = 0; i < order.length; i++) {
      order[i] = old[keys[i]! % MOST]!
      const word = Math.floor(keys[i]! / MOST)
      if (i + 1 < order.length && Math.floor(keys[i + 1]! / MOST) === word) continue
      // A word with a zero at its end is a name's last.
      if (i > first && word % 256 !== 0) this.#sortFrom(order.subarray(first, i + 1), depth + 4)
      first = i + 1
    }
  }

  /** Four bytes of a name as a number, zeros behind its end: no name has one. */
  #word(name: number, depth: number): number {
    const at = this.#starts[name]! + depth
    const left = this.#lengths[name]! - depth
    const bytes = this.#bytes
    const high = left > 0 ? bytes[at]! : 0
    const low = ((left > 1 ? bytes[at + 1]! : 0) << 16) | ((left > 2 ? bytes[at + 2]! : 0) << 8)
    return high * 2 ** 24 + (low | (left > 3 ? bytes[at + 3]! : 0))
  }

  #compare(a: number, b: number): number {
    return compareBytes(this.#bytes, this.#starts[a]!, this.#lengths[a]!, this.#starts[b]!, this.#lengths[b]!)
  }
}

/** A place below this and a word of four bytes fit one number of 53 bits. */
const MOST = 2 ** 21
