import { CairnError } from './errors.ts'

/**
 * Bytes on their way: chunks of any size, read once. A consumer that stops early calls
 * `return()` (leaving a `for await` does), and the producer lets go of what it holds.
 * A chunk is valid only until the next one is asked for: producers reuse their buffers.
 */
export type ByteStream = AsyncIterable<Uint8Array>

/** The whole stream in memory; `resource_exhausted` as soon as it exceeds `limit` bytes. */
export async function collect(stream: ByteStream, limit: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const chunk of stream) {
    size += chunk.length
    if (size > limit)
      throw new CairnError('resource_exhausted', `more than ${limit} bytes where at most that many are allowed`)
    parts.push(chunk.slice())
  }
  return concat(parts, size)
}

/** One array out of many; `size` is the sum of their lengths when the caller knows it. */
export function concat(
  parts: readonly Uint8Array[],
  size: number = parts.reduce((n, p) => n + p.length, 0),
): Uint8Array {
  const whole = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** A stream of bytes already in memory. */
export async function* streamOf(...chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, void> {
  for (const chunk of chunks) yield chunk
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** UTF-8 bytes of a string. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text)
}

/** A string from UTF-8 bytes; ill-formed sequences become U+FFFD. */
export function text(bytes: Uint8Array): string {
  return decoder.decode(bytes)
}
