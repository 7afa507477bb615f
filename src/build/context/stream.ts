import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { checkCanceled, concat, fail, type ByteStream, type Call } from '#base'
import { looksLikeArchive, ARCHIVE_HEAD } from '../source/archive.ts'

/** What came on the stream: a lone Dockerfile, or an archive, kept as `<directory>/context`. */
export type StreamedContext = { readonly dockerfile: Uint8Array } | { readonly directory: string }

/** Larger than any Dockerfile that somebody wrote. */
const DOCKERFILE_LIMIT = 16 << 20

/** More than any context: an endless stream fills no disk. */
const ARCHIVE_LIMIT = 64 * 2 ** 30

/** Reads a context from a stream to its end. */
export async function readStream(stream: ByteStream, scratch: string, call?: Call): Promise<StreamedContext> {
  const chunks = stream[Symbol.asyncIterator]()
  try {
    const first: Uint8Array[] = []
    for (let size = 0; size < ARCHIVE_HEAD;) {
      const { value, done } = await chunks.next()
      if (done) break
      first.push(value.slice())
      size += value.length
    }
    const head = concat(first)
    if (head.length === 0) fail('invalid_argument', 'the build context on standard input is empty')
    return looksLikeArchive(head)
      ? { directory: await keep(head, chunks, scratch, call) }
      : { dockerfile: await rest(head, chunks) }
  } finally {
    await chunks.return?.()
  }
}

async function rest(head: Uint8Array, chunks: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  const parts = [head]
  let size = head.length
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) {
    size += next.value.length
    if (size > DOCKERFILE_LIMIT)
      fail('invalid_argument', 'standard input is neither an archive nor a Dockerfile: it is too large for one')
    parts.push(next.value.slice())
  }
  return concat(parts)
}

async function keep(
  head: Uint8Array,
  chunks: AsyncIterator<Uint8Array>,
  scratch: string,
  call?: Call,
): Promise<string> {
  const directory = join(scratch, `stream-${crypto.randomUUID()}`)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const fd = openSync(join(directory, 'context'), 'wx', 0o600)
  try {
    let size = 0
    for (let chunk: Uint8Array | undefined = head; chunk;) {
      checkCanceled(call)
      size += chunk.length
      if (size > ARCHIVE_LIMIT) fail('resource_exhausted', `the build context is larger than ${ARCHIVE_LIMIT} bytes`)
      for (let at = 0; at < chunk.length;) at += writeSync(fd, chunk, at)
      const next: IteratorResult<Uint8Array, unknown> = await chunks.next()
      chunk = next.done ? undefined : next.value
    }
  } finally {
    closeSync(fd)
  }
  return directory
}
