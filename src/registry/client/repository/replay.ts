import { fail } from '#base'
import type { ByteStream } from '#base'

/**
 * A stream that can be read again from a little way back: an upload that breaks goes on from where the
 * server got to, which is at most what sockets hold behind what was read.
 */
export interface Replay {
  /** The first position that can still be read. */
  readonly earliest: number
  /** What the source threw, if it did: not the connection's fault. */
  readonly sourceError: unknown
  /** At most `length` bytes from `position` on. Ends every stream handed out before. A chunk holds until the next is asked for. */
  from(position: number, length: number): ByteStream
  /** Reads the source to its end, where a verifying one says whether the bytes were right. */
  finish(): Promise<void>
  /** Lets go of the source. */
  close(): Promise<void>
}

export function replayable(source: ByteStream, windowBytes: number): Replay {
  return new Window(source, windowBytes)
}

/** One ring, written over and over: whatever the size of the blob, nothing is left for the collector. */
class Window implements Replay {
  readonly #source: AsyncIterator<Uint8Array>
  readonly #ring: Uint8Array
  /** Of the source's last chunk, what is not in the ring yet. */
  #rest: Uint8Array = new Uint8Array(0)
  #end = 0
  #ended = false
  #reader = 0
  #pending: Promise<void> | undefined
  sourceError: unknown

  constructor(source: ByteStream, windowBytes: number) {
    this.#source = source[Symbol.asyncIterator]()
    this.#ring = new Uint8Array(windowBytes)
  }

  get earliest(): number {
    return Math.max(0, this.#end - this.#ring.length)
  }

  async *from(position: number, length: number): AsyncGenerator<Uint8Array, void, void> {
    const reader = ++this.#reader
    const stop = position + length
    for (let at = position; at < stop;) {
      if (at >= this.#end && !this.#ended) await this.#pull()
      if (reader !== this.#reader) fail('canceled', 'another attempt has taken over')
      if (at >= this.#end && this.#ended) return
      const chunk = this.#at(at)
      const part = chunk.subarray(0, stop - at)
      at += part.length
      yield part
    }
  }

  async finish(): Promise<void> {
    while (!this.#ended) await this.#pull()
  }

  async close(): Promise<void> {
    this.#reader++
    this.#ended = true
    await this.#source.return?.()
  }

  /** The held bytes from a position on, up to where the ring begins anew; empty when nothing came. */
  #at(position: number): Uint8Array {
    if (position < this.earliest) fail('failed_precondition', `bytes before ${this.earliest} are gone`)
    const start = position % this.#ring.length
    return this.#ring.subarray(start, Math.min(this.#ring.length, start + this.#end - position))
  }

  /** One more chunk; readers that overlap share it. */
  #pull(): Promise<void> {
    this.#pending ??= this.#next().finally(() => (this.#pending = undefined))
    return this.#pending
  }

  async #next(): Promise<void> {
    try {
      if (this.#rest.length === 0) {
        const { done, value } = await this.#source.next()
        if (done) {
          this.#ended = true
          return
        }
        this.#rest = value
      }
    } catch (error) {
      this.sourceError = error
      throw error
    }
    // Of a chunk that is larger than all, a piece at a time: there is always something to go back to.
    const piece = this.#rest.subarray(0, this.#ring.length >> 1)
    this.#rest = this.#rest.subarray(piece.length)
    this.#write(piece)
  }

  #write(chunk: Uint8Array): void {
    const start = this.#end % this.#ring.length
    const first = chunk.subarray(0, this.#ring.length - start)
    this.#ring.set(first, start)
    this.#ring.set(chunk.subarray(first.length), 0)
    this.#end += chunk.length
  }
}
