import { checkCanceled, fail } from '#base'
import type { ByteStream, Call } from '#base'
import type { TarEntry } from '../types.ts'
import { contentSize, encodeHeader } from './encode.ts'
import { BLOCK } from './header.ts'

/** The end of an archive, and what fills a block. */
const ZEROS = new Uint8Array(2 * BLOCK)

/** A tar archive made by pushing: `entry`, its bytes by `data`, the next `entry` …, `end`. */
export interface TarWriter {
  entry(entry: TarEntry): void
  /** Content of the current member, as it is announced by `size`; other members have none. */
  data(bytes: Uint8Array): void
  end(): void
}

/** What {@link writeTar} takes: an entry, and its `size` bytes if it is a file. */
export interface TarInput {
  readonly entry: TarEntry
  readonly data?: ByteStream | Iterable<Uint8Array>
}

/**
 * Writes members to `onBytes` as {@link encodeHeader} has them. Throws `data_loss` when a member gets more or
 * fewer bytes than its `size`. The bytes handed on may be the caller's own.
 */
export function createTarWriter(onBytes: (bytes: Uint8Array) => void): TarWriter {
  let current: TarEntry | undefined
  let left = 0
  const finish = (): void => {
    if (!current) return
    if (left > 0) fail('data_loss', `tar: data of ${JSON.stringify(current.path)} end ${left} bytes early`)
    const padding = (BLOCK - (contentSize(current) % BLOCK)) % BLOCK
    if (padding > 0) onBytes(ZEROS.subarray(0, padding))
  }
  return {
    entry(entry) {
      finish()
      onBytes(encodeHeader(entry))
      current = entry
      left = contentSize(entry)
    },
    data(bytes) {
      left -= bytes.length
      if (left < 0) fail('data_loss', `tar: data of ${JSON.stringify(current?.path)} exceed its size`)
      if (bytes.length > 0) onBytes(bytes)
    },
    end() {
      finish()
      current = undefined
      onBytes(ZEROS)
    },
  }
}

/** An archive of these members, in their order. The same entries give the same bytes. */
export async function* writeTar(
  entries: AsyncIterable<TarInput> | Iterable<TarInput>,
  call?: Call,
): AsyncGenerator<Uint8Array, void, void> {
  const batch = new Batch()
  const writer = createTarWriter((bytes) => batch.add(bytes))
  for await (const { entry, data } of entries) {
    checkCanceled(call)
    writer.entry(entry)
    if (batch.ready.length > 0) yield* batch.take()
    if (!data || entry.type !== 'file') continue
    // What is at hand is not waited for: most files are small, and a promise for each costs more than they do.
    if (Symbol.iterator in data)
      for (const chunk of data) {
        writer.data(chunk)
        if (batch.ready.length > 0) yield* batch.take()
      }
    else
      for await (const chunk of data) {
        writer.data(chunk)
        if (batch.ready.length > 0) yield* batch.take()
      }
  }
  writer.end()
  batch.flush()
  yield* batch.take()
}

const BATCH_SIZE = 256 << 10
/** Chunks from this size on go through uncopied. */
const LARGE = 32 << 10

/** Joins small pieces, so that what reads the archive does not pay per header. */
class Batch {
  readonly ready: Uint8Array[] = []
  #buffer = new Uint8Array(BATCH_SIZE)
  /** Filled before; taken since then, for pieces are small. */
  #other = new Uint8Array(BATCH_SIZE)
  #start = 0
  #end = 0

  add(bytes: Uint8Array): void {
    if (bytes.length >= LARGE) {
      this.flush()
      this.ready.push(bytes)
      return
    }
    if (this.#end + bytes.length > BATCH_SIZE) {
      this.flush()
      ;[this.#buffer, this.#other] = [this.#other, this.#buffer]
      this.#start = this.#end = 0
    }
    this.#buffer.set(bytes, this.#end)
    this.#end += bytes.length
  }

  /** Makes what has been joined so far ready. */
  flush(): void {
    if (this.#end > this.#start) this.ready.push(this.#buffer.subarray(this.#start, this.#end))
    this.#start = this.#end
  }

  *take(): Generator<Uint8Array, void, void> {
    yield* this.ready
    this.ready.length = 0
  }
}
