import { closeSync, constants, openSync, readSync, rmSync, statSync } from 'node:fs'
import type { Stats } from 'node:fs'
import { join } from 'node:path'
import { checkCanceled } from '#base'
import type { ByteStream, Call } from '#base'
import { decompressWithin, detectCompression, detected, EXPANSION } from '#codec'
import type { DetectedCompression, Expansion } from '#codec'
import { readRange } from '../blobread.ts'
import { diskError } from '../diskerror.ts'
import { openFileSink } from '../filesink.ts'
import { oneShotName } from '../ingesttable.ts'
import { openDirectoryFiles } from './directoryfiles.ts'
import type { ArchiveFiles } from './files.ts'
import { openTarFiles } from './tarfiles.ts'

/** Where an archive comes from: a file or directory by path, or bytes that pass by once. */
export type ArchiveSource = { readonly path: string } | { readonly stream: ByteStream; readonly name?: string }

/** Where an archive is spooled, and how far it may grow. */
export interface OpenArchiveOptions extends Call {
  /**
   * Directory for what cannot be read at any offset: a pipe, a compressed archive. The store's own
   * (`LocalStore.spool`) is swept after a crash.
   */
  readonly spool: string
  /** How far a compressed archive may grow. Default 16 GiB and a hundred times its size. */
  readonly expansion?: Expansion
}

/** Longest magic number that matters. */
const HEAD = 6

/** Opens an image archive, compressed or not; what had to be spooled goes when it is disposed. */
export async function openArchive(source: ArchiveSource, options: OpenArchiveOptions): Promise<ArchiveFiles> {
  if ('stream' in source) return fromStream(source.stream, source.name ?? 'standard input', options)
  const { path } = source
  const stat = statOf(path)
  if (stat.isDirectory()) return openDirectoryFiles(path)
  // A pipe by name (/dev/stdin, process substitution) is read once like any stream.
  if (!stat.isFile()) return fromStream(readPipe(path, options), path, options)
  const compression = detectCompression(headOf(path))
  if (compression === 'none') return openTarFiles(path, path, options)
  return spooled(readRange({ path, start: 0 }, stat.size, 0, options), compression, path, options)
}

async function fromStream(stream: ByteStream, name: string, options: OpenArchiveOptions): Promise<ArchiveFiles> {
  const found = await detected(stream)
  return spooled(found.stream, found.compression, name, options)
}

/** Writes the stream, inflated, to a file of its own. */
async function spooled(
  stream: ByteStream,
  compression: DetectedCompression,
  name: string,
  options: OpenArchiveOptions,
): Promise<ArchiveFiles> {
  const path = join(options.spool, oneShotName())
  const remove = (): void => rmSync(path, { force: true })
  try {
    const sink = await openFileSink(path)
    try {
      const bytes = decompressWithin(options.expansion ?? EXPANSION, stream, compression)
      for await (const chunk of bytes) {
        checkCanceled(options)
        await sink.write(chunk)
      }
    } finally {
      await sink.close()
    }
    const files = openTarFiles(path, name, options)
    return { ...files, [Symbol.asyncDispose]: async () => remove() }
  } catch (error) {
    remove()
    throw error
  }
}

function headOf(path: string): Uint8Array {
  const head = new Uint8Array(HEAD)
  try {
    const fd = openSync(path, constants.O_RDONLY)
    try {
      return head.subarray(0, readSync(fd, head, 0, HEAD, 0))
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    throw diskError(error, 'read', path)
  }
}

function statOf(path: string): Stats {
  try {
    return statSync(path)
  } catch (error) {
    throw diskError(error, 'open', path)
  }
}

async function* readPipe(path: string, call: Call): AsyncGenerator<Uint8Array, void, void> {
  const { createReadStream } = await import('node:fs')
  const stream = createReadStream(path, { highWaterMark: 1 << 20 })
  try {
    for await (const chunk of stream) {
      checkCanceled(call)
      yield chunk as Uint8Array
    }
  } catch (error) {
    throw diskError(error, 'read', path)
  }
}
