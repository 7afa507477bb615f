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
  /** At most `length` bytes from `position` on. Ends every stream handed out before. */
  from(position: number, length: number): ByteStream
  /** Reads the source to its end, where a verifying one says whether the bytes were right. */
  finish(): Promise<void>
  /** Lets go of the source. */
  close(): Promise<void>
}

export function replayable(source: ByteStream, windowBytes: number): Replay {
  return new Window(source, windowBytes)
}

class Window implements Replay {
  readonly #source: AsyncIterator<Uint8Array>
  readonly #windowBytes: number
  readonly #chunks: Uint8Array[] = []
  #held = 0
  #end = 0
  #ended = false
  #reader = 0
  #pending: Promise<void> | undefined
  sourceError: unknown

  constructor(source: ByteStream, windowBytes: number) {
    this.#source = source[Symbol.asyncIterator]()
    this.#windowBytes = windowBytes
  }

  get earliest(): number {
    return this.#end - this.#held
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

  /** The held bytes from a position to the end of their chunk; empty when nothing came. */
  #at(position: number): Uint8Array {
    let start = this.earliest
    if (position < start) fail('failed_precondition', `bytes before ${start} are gone`)
    for (const chunk of this.#chunks) {
      if (position < start + chunk.length) return chunk.subarray(position - start)
      start += chunk.length
    }
    return new Uint8Array(0)
  }

  /** One more chunk; readers that overlap share it. */
  #pull(): Promise<void> {
    this.#pending ??= this.#next().finally(() => (this.#pending = undefined))
    return this.#pending
  }

  async #next(): Promise<void> {
    try {
      const { done, value } = await this.#source.next()
      if (done) {
        this.#ended = true
        return
      }
      this.#chunks.push(value.slice())
      this.#held += value.length
      this.#end += value.length
    } catch (error) {
      this.sourceError = error
      throw error
    }
    while (this.#held - this.#chunks[0]!.length >= this.#windowBytes) this.#held -= this.#chunks.shift()!.length
  }
}
