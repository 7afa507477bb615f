import { checkCanceled, fail } from '#base'
import type { ByteStream, Call } from '#base'

export interface CompressOptions {
  /** Blocks compressed at once. Default: the processors available, 8 at most. Never changes the bytes. */
  readonly workers?: number
  /** Default 6 for gzip, 3 for zstd. */
  readonly level?: number
}

const GZIP_BLOCK = 1 << 20
const GZIP_WINDOW = 32 << 10
const ZSTD_BLOCK = 2 << 20
/** mtime 0, no flags, OS 255 (unknown): nothing that tells one machine from another. */
const GZIP_HEADER = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]
/** A last, empty deflate block. */
const DEFLATE_END = [0x03, 0x00]

/**
 * One gzip member, the same bytes for the same input whatever the number of workers: blocks of 1 MiB, each
 * deflated with the last 32 KiB before it as dictionary and flushed to a byte boundary, strung together.
 * Another version of zlib, or zlib-ng on another architecture, may give other bytes.
 */
export async function* gzip(
  stream: ByteStream,
  { workers, level = 6 }: CompressOptions = {},
  call?: Call,
): AsyncGenerator<Uint8Array, void, void> {
  const zlib = process.getBuiltinModule('node:zlib')
  const finishFlush = zlib.constants.Z_SYNC_FLUSH
  let crc = 0
  let size = 0
  let dictionary: Buffer | undefined
  const deflate = (block: Buffer): Promise<Uint8Array> => {
    crc = zlib.crc32(block, crc)
    size += block.length
    const options = { level, finishFlush, ...(dictionary && { dictionary }) }
    dictionary = block.subarray(-GZIP_WINDOW)
    return promised((done) => zlib.deflateRaw(block, options, done))
  }
  yield Uint8Array.from(GZIP_HEADER)
  yield* inParallel(blocks(stream, GZIP_BLOCK), deflate, workers, call)
  const trailer = Buffer.alloc(10)
  trailer.set(DEFLATE_END)
  trailer.writeUInt32LE(crc, 2)
  trailer.writeUInt32LE(size % 2 ** 32, 6)
  yield trailer
}

/** zstd frames of 2 MiB each, with checksums; the same bytes for the same input and version of the library. */
export async function* zstd(
  stream: ByteStream,
  { workers, level = 3 }: CompressOptions = {},
  call?: Call,
): AsyncGenerator<Uint8Array, void, void> {
  const zlib = process.getBuiltinModule('node:zlib')
  if (typeof zlib.zstdCompress !== 'function')
    fail('unimplemented', 'zstd: this runtime has no encoder', { hint: 'use Bun, or Node 22.15 or later' })
  const { ZSTD_c_compressionLevel, ZSTD_c_checksumFlag } = zlib.constants
  const options = { params: { [ZSTD_c_compressionLevel]: level, [ZSTD_c_checksumFlag]: 1 } }
  const compress = (block: Buffer): Promise<Uint8Array> => promised((done) => zlib.zstdCompress(block, options, done))
  let empty = true
  for await (const frame of inParallel(blocks(stream, ZSTD_BLOCK), compress, workers, call)) {
    empty = false
    yield frame
  }
  if (empty) yield await compress(Buffer.alloc(0))
}

/** Results in the order of the blocks, with at most `workers` under way in the runtime's thread pool. */
async function* inParallel(
  source: AsyncIterable<Buffer>,
  work: (block: Buffer) => Promise<Uint8Array>,
  workers: number = defaultWorkers(),
  call?: Call,
): AsyncGenerator<Uint8Array, void, void> {
  const pending: Promise<Uint8Array>[] = []
  try {
    for await (const block of source) {
      checkCanceled(call)
      const result = work(block)
      // Its failure is heard when its turn comes.
      result.catch(() => {})
      pending.push(result)
      if (pending.length >= Math.max(1, workers)) yield await pending.shift()!
    }
    while (pending.length > 0) yield await pending.shift()!
  } finally {
    await Promise.allSettled(pending)
  }
}

function defaultWorkers(): number {
  return Math.min(8, process.getBuiltinModule('node:os').availableParallelism())
}

/** The stream cut into blocks of exactly `size` bytes, the last one shorter; each is the receiver's to keep. */
async function* blocks(stream: ByteStream, size: number): AsyncGenerator<Buffer, void, void> {
  let block = Buffer.allocUnsafeSlow(size)
  let filled = 0
  for await (const chunk of stream) {
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + size - filled)
      block.set(part, filled)
      filled += part.length
      at += part.length
      if (filled < size) continue
      yield block
      block = Buffer.allocUnsafeSlow(size)
      filled = 0
    }
  }
  if (filled > 0) yield block.subarray(0, filled)
}

function promised(start: (done: (error: Error | null, result: Buffer) => void) => void): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    start((error, result) => (error ? reject(error) : resolve(result)))
  })
}
