import { fail } from '#base'
import type { ByteStream } from '#base'
import type { Compression } from '#oci'
import type { DetectedCompression } from './detect.ts'
import { inflateFailure, openEngine } from './engine.ts'
import type { Engine, InflateFormat } from './engine.ts'
import { throughProgram } from './program.ts'

/** What decompressing may cost. */
export interface InflateOptions {
  /** Bytes that may come out at most; more is `resource_exhausted`. Default: no limit. */
  readonly limit?: number
}

/** How far something compressed may grow: so many bytes, and so many more for each of its own. */
export interface Expansion {
  readonly bytes: number
  readonly ratio: number
}

/** Ten gigabytes of zeros are a disk image that somebody meant; a thousand from one megabyte are not. */
export const EXPANSION: Expansion = { bytes: 16 * 2 ** 30, ratio: 100 }

/** {@link decompress}, bounded by what has gone in so far: for streams of whose length nothing is known. */
export async function* decompressWithin(
  { bytes, ratio }: Expansion,
  stream: ByteStream,
  compression: DetectedCompression,
): AsyncGenerator<Uint8Array, void, void> {
  let [taken, made] = [0, 0]
  async function* counted(): AsyncGenerator<Uint8Array, void, void> {
    for await (const chunk of stream) {
      taken += chunk.length
      yield chunk
    }
  }
  for await (const chunk of decompress(counted(), compression)) {
    made += chunk.length
    const most = bytes + ratio * taken
    if (made > most) refuseBomb(most)
    yield chunk
  }
}

/** Says that something is a bomb. */
export function refuseBomb(most: number): never {
  fail('resource_exhausted', `what is compressed expands to more than ${Math.floor(most / 2 ** 20)} MiB: a bomb?`, {
    hint: 'if it is what it should be, decompress it first',
  })
}

/** A decompressor to push through, without a promise anywhere. */
export interface Inflater {
  write(chunk: Uint8Array): void
  /** The input ended here; `data_loss` if that is too early. */
  end(): void
  /** For who gives up before the end. */
  close(): void
}

/** The gzip stream inflated; concatenated members and zeros behind them are fine, anything else is `data_loss`. */
export function gunzip(stream: ByteStream, options?: InflateOptions): ByteStream {
  return inflate(stream, 'gzip', options)
}

/** The zstd stream decompressed; concatenated and skippable frames are fine, anything else is `data_loss`. */
export function unzstd(stream: ByteStream, options?: InflateOptions): ByteStream {
  return inflate(stream, 'zstd', options)
}

/** The stream's bytes without their compression; bzip2 and xz take a program of the system. */
export function decompress(stream: ByteStream, compression: DetectedCompression, options?: InflateOptions): ByteStream {
  if (compression === 'gzip') return gunzip(stream, options)
  if (compression === 'zstd') return unzstd(stream, options)
  return limited(compression === 'none' ? stream : throughProgram(stream, compression), options)
}

/**
 * Decompresses what is written and hands it to `onBytes`, in a buffer valid during the call only.
 * `unimplemented` where the runtime offers no synchronous way; {@link decompress} then still works.
 */
export function createInflater(
  compression: Compression,
  onBytes: (bytes: Uint8Array) => void,
  options?: InflateOptions,
): Inflater {
  const meter = createMeter(options)
  const hand = (bytes: Uint8Array): void => {
    meter(bytes)
    onBytes(bytes)
  }
  if (compression === 'none') return { write: hand, end: () => {}, close: () => {} }
  const engine = openEngine(compression) ?? fail('unimplemented', `${compression}: this runtime cannot inflate in step`)
  return {
    write(chunk) {
      try {
        for (const bytes of engine.push(chunk)) hand(bytes)
      } catch (error) {
        engine.close()
        throw error
      }
    },
    end: () => engine.finish(),
    close: () => engine.close(),
  }
}

/** With an engine in step; without one through zlib's own stream. */
export async function* inflate(
  stream: ByteStream,
  format: InflateFormat,
  options?: InflateOptions,
  open: (format: InflateFormat) => Engine | undefined = openEngine,
): AsyncGenerator<Uint8Array, void, void> {
  const engine = open(format)
  if (!engine) return yield* limited(throughStream(stream, format), options)
  const meter = createMeter(options)
  try {
    for await (const chunk of stream) {
      for (const bytes of engine.push(chunk)) {
        meter(bytes)
        yield bytes
      }
    }
    engine.finish()
  } finally {
    engine.close()
  }
}

/** Counts; throws when there has been too much. */
function createMeter({ limit = Number.POSITIVE_INFINITY }: InflateOptions = {}): (bytes: Uint8Array) => void {
  let size = 0
  return (bytes) => {
    size += bytes.length
    if (size > limit) fail('resource_exhausted', `content inflates to more than ${limit} bytes`)
  }
}

async function* limited(stream: ByteStream, options?: InflateOptions): AsyncGenerator<Uint8Array, void, void> {
  const meter = createMeter(options)
  for await (const chunk of stream) {
    meter(chunk)
    yield chunk
  }
}

async function* throughStream(stream: ByteStream, format: InflateFormat): AsyncGenerator<Uint8Array, void, void> {
  const zlib = process.getBuiltinModule('node:zlib')
  if (format === 'zstd' && typeof zlib.createZstdDecompress !== 'function')
    fail('unimplemented', 'zstd: this runtime has no decoder', { hint: 'use Bun, or Node 22.15 or later' })
  // Chunks of 1 MiB: with the default 16 KiB the same work takes twice as long.
  const options = { chunkSize: 1 << 20 }
  const inflater = format === 'gzip' ? zlib.createGunzip(options) : zlib.createZstdDecompress(options)
  const { Readable } = process.getBuiltinModule('node:stream')
  const source = Readable.from(copies(stream), { objectMode: true, highWaterMark: 1 })
  let failure: unknown
  source.on('error', (error) => {
    failure = error
    inflater.destroy(error)
  })
  source.pipe(inflater)
  try {
    for await (const chunk of inflater) yield chunk as Uint8Array
  } catch (error) {
    if (failure !== undefined) throw failure
    inflateFailure(format, error as Error & { code?: unknown })
  } finally {
    source.destroy()
    inflater.destroy()
  }
}

/** A stream reads ahead, and the chunks of a ByteStream are on loan. */
async function* copies(stream: ByteStream): AsyncGenerator<Uint8Array, void, void> {
  for await (const chunk of stream) yield chunk.slice()
}
