import { concat } from '#base'
import type { ByteStream } from '#base'
import type { Compression } from '#oci'

/** What we decompress ourselves, and what a program of the system does. */
export type DetectedCompression = Compression | 'bzip2' | 'xz'

const MAGICS: readonly (readonly [DetectedCompression, readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b, 0x08]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
]

/** The compression by its magic; `none` for everything unknown. Six bytes are enough. */
export function detectCompression(firstBytes: Uint8Array): DetectedCompression {
  const found = MAGICS.find(([, magic]) => magic.every((byte, i) => firstBytes[i] === byte))
  if (found) return found[0]
  return isSkippableFrame(firstBytes) ? 'zstd' : 'none'
}

/** zstd streams may begin with a frame to skip: 0x184D2A50 to …5F, little-endian. */
function isSkippableFrame(bytes: Uint8Array): boolean {
  return (bytes[0]! & 0xf0) === 0x50 && bytes[1] === 0x2a && bytes[2] === 0x4d && bytes[3] === 0x18
}

const HEAD = 6

/** What a stream is compressed by, and all of it: its beginning has been read. */
export async function detected(
  stream: ByteStream,
): Promise<{ readonly compression: DetectedCompression; readonly stream: ByteStream }> {
  const chunks = stream[Symbol.asyncIterator]()
  let head: Uint8Array = new Uint8Array(0)
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) {
    // A chunk is valid only until the next one is asked for.
    head = concat([head, next.value])
    if (head.length >= HEAD) break
  }
  return { compression: detectCompression(head), stream: continued(head, chunks) }
}

async function* continued(head: Uint8Array, chunks: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  try {
    if (head.length > 0) yield head
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value
  } finally {
    await chunks.return?.()
  }
}
