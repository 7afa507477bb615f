import { CairnError, collect } from '#base'
import type { ByteStream } from '#base'
import { connectionReason, ownsBody } from './fetch.ts'

/**
 * The body as a stream. A connection that breaks is `unavailable`; leaving early cancels the
 * transfer.
 */
export async function* bodyOf(response: Response): AsyncGenerator<Uint8Array, void, void> {
  const reader = response.body?.getReader()
  if (!reader) return
  const own = ownsBody(response)
  let ended = false
  try {
    for (;;) {
      const { done, value } = await readChunk(reader)
      if (done) {
        ended = true
        return
      }
      yield value
      if (own) free(value)
    }
  } finally {
    if (!ended) await reader.cancel().catch(() => undefined)
  }
}

/**
 * Gives memory back at once that the garbage collector would find later: 20 MB less at the peak of a transfer, and
 * the next piece comes into pages that are there.
 */
function free(chunk: Uint8Array): void {
  const memory = chunk.buffer as { readonly byteLength: number; transfer?(length: number): unknown }
  if (chunk.length === memory.byteLength) memory.transfer?.(0)
}

async function readChunk(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<ReadableStreamReadResult<Uint8Array>> {
  try {
    return await reader.read()
  } catch (error) {
    const aborted = error instanceof Error && error.name === 'AbortError'
    if (aborted) throw new CairnError('canceled', 'canceled', { cause: error })
    throw new CairnError('unavailable', `the connection broke in the middle of an answer: ${connectionReason(error)}`)
  }
}

/** The whole body; `resource_exhausted` beyond `limit`, before it is read where the length is announced. */
export async function boundedBody(response: Response, limit: number, what: string): Promise<Uint8Array> {
  const announced = contentLength(response)
  if (announced !== undefined && announced > limit) {
    await discard(response)
    throw new CairnError('resource_exhausted', `${what} has ${announced} bytes; at most ${limit} are accepted`)
  }
  const bytes = await collect(bodyOf(response), limit)
  if (announced !== undefined && bytes.length < announced)
    throw new CairnError('unavailable', `${what} ended after ${bytes.length} of ${announced} bytes`)
  return bytes
}

/** Lets go of a body that nobody wants. */
export async function discard(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => undefined)
}

/** Content-Length as a number; undefined when absent, no plain number, or that of a body in a coding, which is not what is read. */
export function contentLength(response: Response): number | undefined {
  if ((response.headers.get('content-encoding') ?? 'identity') !== 'identity') return undefined
  const text = response.headers.get('content-length')
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

/** Ends an iterator that was never started or not finished, so that its producer lets go. */
export async function release(stream: ByteStream): Promise<void> {
  await stream[Symbol.asyncIterator]().return?.()
}
