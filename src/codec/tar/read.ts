import { fail } from '#base'
import type { ByteStream } from '#base'
import type { TarLimits, TarMember } from '../types.ts'
import { createTarParser } from './parser.ts'

/** A member and its content; what is not read of `data` before the next member is asked for is skipped. */
export interface TarItem {
  readonly entry: TarMember
  /** The file's bytes as its reader sees them, holes filled with zeros. Read once. */
  readonly data: ByteStream
}

/** What the parser said about the chunk in hand, in order. */
type Event = TarMember | Uint8Array | typeof END
const END = Symbol('end of member')

/**
 * The members of an archive, one at a time; errors as {@link createTarParser}, and those of the stream.
 * At the end the stream has been read out, bytes behind the end-of-archive mark included, so that whoever
 * verifies it below sees all of it.
 */
export async function* readTar(bytes: ByteStream, limits?: TarLimits): AsyncGenerator<TarItem, void, void> {
  const source = new EventSource(bytes, limits)
  try {
    for (let event = await source.next(); event !== undefined; event = await source.next()) {
      if (event === END || event instanceof Uint8Array) continue
      yield { entry: event, data: event.sparse ? expand(event, source) : stored(event, source) }
    }
  } finally {
    await source.close()
  }
}

/** Events in order; while one is in hand the chunk behind it stays untouched. */
class EventSource {
  readonly #chunks: AsyncIterator<Uint8Array>
  readonly #parser: ReturnType<typeof createTarParser>
  #queue: Event[] = []
  #taken = 0
  #ended = false
  /** The member whose data come next. */
  current: TarMember | undefined

  constructor(bytes: ByteStream, limits: TarLimits | undefined) {
    this.#chunks = bytes[Symbol.asyncIterator]()
    this.#parser = createTarParser(
      {
        onEntry: (member) => void this.#queue.push(member),
        onData: (_, data) => void this.#queue.push(data),
        onEnd: () => void this.#queue.push(END),
      },
      limits,
    )
  }

  async next(): Promise<Event | undefined> {
    while (this.#taken === this.#queue.length) {
      if (this.#ended) return undefined
      this.#queue = []
      this.#taken = 0
      await this.#pull()
    }
    const event = this.#queue[this.#taken++]!
    if (event === END) this.current = undefined
    else if (!(event instanceof Uint8Array)) this.current = event
    return event
  }

  async #pull(): Promise<void> {
    const { done, value } = await this.#chunks.next()
    if (!done) return this.#parser.write(value)
    this.#ended = true
    this.#parser.end()
  }

  async close(): Promise<void> {
    if (!this.#ended) await this.#chunks.return?.()
  }
}

async function* stored(member: TarMember, source: EventSource): AsyncGenerator<Uint8Array, void, void> {
  if (member.storedSize === 0) return
  if (source.current !== member) fail('failed_precondition', `data of ${JSON.stringify(member.path)} have been passed`)
  for (let event = await source.next(); event instanceof Uint8Array; event = await source.next()) yield event
}

const ZEROS_SIZE = 64 << 10

async function* expand(member: TarMember, source: EventSource): AsyncGenerator<Uint8Array, void, void> {
  let at = 0
  const chunks = stored(member, source)
  let chunk: Uint8Array = new Uint8Array(0)
  for (const segment of member.sparse!) {
    yield* zeros(segment.offset - at)
    for (let left = segment.length; left > 0;) {
      if (chunk.length === 0) chunk = (await chunks.next()).value!
      const part = chunk.subarray(0, left)
      yield part
      left -= part.length
      chunk = chunk.subarray(part.length)
    }
    at = segment.offset + segment.length
  }
  // Runs the stored part to its end, so that the next event is the next member.
  await chunks.next()
  yield* zeros(member.size - at)
}

function* zeros(count: number): Generator<Uint8Array, void, void> {
  for (let left = count; left > 0; left -= ZEROS_SIZE) yield new Uint8Array(Math.min(left, ZEROS_SIZE))
}
