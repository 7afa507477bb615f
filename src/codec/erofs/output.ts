import type { Hasher } from '../hash.ts'
import type { ErofsSink } from './types.ts'

const BUFFER_SIZE = 256 << 10

/** Bytes one after the other into a sink, hashed on the way, small pieces joined. */
export class Output {
  /** Where the next byte goes. */
  position: number
  readonly #sink: ErofsSink
  readonly #hasher: Hasher
  /** What has been taken is here until the next call. */
  readonly bytes: Uint8Array<ArrayBuffer> = new Uint8Array(BUFFER_SIZE)
  readonly view: DataView = new DataView(this.bytes.buffer)
  #filled = 0

  constructor(sink: ErofsSink, position: number, hasher: Hasher) {
    this.#sink = sink
    this.position = position
    this.#hasher = hasher
  }

  write(bytes: Uint8Array): void {
    if (bytes.length >= BUFFER_SIZE / 4) {
      this.flush()
      this.#emit(bytes, this.position)
    } else {
      if (this.#filled + bytes.length > BUFFER_SIZE) this.flush()
      this.bytes.set(bytes, this.#filled)
      this.#filled += bytes.length
    }
    this.position += bytes.length
  }

  /** Takes `count` bytes, zeroed, to be filled in place: where they begin in `bytes` and `view`. */
  take(count: number): number {
    if (this.#filled + count > BUFFER_SIZE) this.flush()
    const at = this.#filled
    this.bytes.fill(0, at, at + count)
    this.#filled += count
    this.position += count
    return at
  }

  /** Goes on at `position`. Long gaps are hashed as the zeros that they are, but left out of the file. */
  skipTo(position: number): void {
    const gap = position - this.position
    if (gap <= BUFFER_SIZE) {
      if (gap > 0) this.take(gap)
      return
    }
    this.flush()
    const zeros = new Uint8Array(BUFFER_SIZE)
    for (let left = gap; left > 0; left -= BUFFER_SIZE) this.#hasher.update(zeros.subarray(0, left))
    this.position = position
  }

  flush(): void {
    if (this.#filled === 0) return
    this.#emit(this.bytes.subarray(0, this.#filled), this.position - this.#filled)
    this.#filled = 0
  }

  #emit(bytes: Uint8Array, position: number): void {
    this.#hasher.update(bytes)
    this.#sink.write(bytes, position)
  }
}
