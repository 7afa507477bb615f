import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { checkCanceled, fail } from '#base'
import type { ByteStream, Call } from '#base'
import { createHasher } from '#codec'
import { algorithmOf } from '#oci'
import type { Descriptor } from '#oci'
import { diskError } from './diskerror.ts'
import { readAt } from './fd.ts'

/** Read in one piece, without a thread: manifests and configs on the way to a container. */
const SMALL = 256 * 1024
const CHUNK = 1024 * 1024

/** Part of a file that holds a blob: the whole of it, or a member of an archive. */
export interface BlobFile {
  readonly path: string
  /** Where the blob begins in the file. */
  readonly start: number
}

/**
 * The bytes of a blob in a file from `offset` on; verified against the descriptor when the whole
 * is read. The file's size has been checked by the caller.
 */
export function readBlob(file: BlobFile, d: Descriptor, offset: number, call?: Call): ByteStream {
  if (offset < 0 || offset > d.size) fail('invalid_argument', `offset ${offset} is outside a blob of ${d.size} bytes`)
  const bytes = readRange(file, d.size, offset, call)
  return offset === 0 ? verifiedFile(bytes, file, d) : bytes
}

/** Bytes of a file from `offset` up to `size`, unchecked; fewer if the file ends before. */
export function readRange(file: BlobFile, size: number, offset: number, call?: Call): ByteStream {
  return size - offset <= SMALL ? readSmall(file, size, offset) : readLarge(file, size - offset, offset, call)
}

/** Bytes of a small blob, checked. Synchronous: for documents that are needed before any thread may exist. */
export function readVerified(file: BlobFile, d: Pick<Descriptor, 'digest' | 'size'>): Uint8Array {
  const bytes = readWhole(file, d.size, 0)
  const hasher = createHasher(algorithmOf(d.digest))
  hasher.update(bytes)
  if (bytes.length !== d.size || hasher.digest() !== d.digest) corrupt(file, d)
  return bytes
}

async function* readSmall(file: BlobFile, size: number, offset: number): AsyncGenerator<Uint8Array, void, void> {
  const bytes = readWhole(file, size, offset)
  if (bytes.length > 0) yield bytes
}

/** The same in one piece, synchronously. */
export function readWhole({ path, start }: BlobFile, size: number, offset: number): Uint8Array {
  let fd: number | undefined
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
    const bytes = new Uint8Array(Math.max(0, size - offset))
    let at = 0
    while (at < bytes.length) {
      const n = readSync(fd, bytes, at, bytes.length - at, start + offset + at)
      if (n === 0) break
      at += n
    }
    return bytes.subarray(0, at)
  } catch (error) {
    throw diskError(error, 'read', path)
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/** Two buffers in turn: a thread fills one while the reader is busy with the other. */
async function* readLarge(
  { path, start }: BlobFile,
  length: number,
  offset: number,
  call?: Call,
): AsyncGenerator<Uint8Array, void, void> {
  let fd: number | undefined
  let ahead: Promise<number> | undefined
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
    let [buffer, other] = [new Uint8Array(CHUNK), new Uint8Array(CHUNK)]
    let at = start + offset
    const end = at + length
    ahead = readAt(fd, buffer, Math.min(CHUNK, end - at), at)
    while (at < end) {
      checkCanceled(call)
      const count = (await ahead) ?? 0
      if (count === 0) return
      at += count
      ahead = at < end ? readAt(fd, other, Math.min(CHUNK, end - at), at) : undefined
      yield buffer.subarray(0, count)
      ;[buffer, other] = [other, buffer]
    }
  } catch (error) {
    throw diskError(error, 'read', path)
  } finally {
    // Not before the thread is done with the descriptor: its number may be another file's then.
    await ahead?.catch(() => undefined)
    if (fd !== undefined) closeSync(fd)
  }
}

async function* verifiedFile(bytes: ByteStream, file: BlobFile, d: Descriptor): AsyncGenerator<Uint8Array, void, void> {
  const hasher = createHasher(algorithmOf(d.digest))
  let size = 0
  for await (const chunk of bytes) {
    size += chunk.length
    hasher.update(chunk)
    yield chunk
  }
  if (size !== d.size || hasher.digest() !== d.digest) corrupt(file, d)
}

/** Size of a regular file, undefined when there is none. Symbolic links are not followed. */
export function fileSize(path: string): number | undefined {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    const mapped = diskError(error, 'read', path)
    if (mapped.code === 'not_found') return undefined
    throw mapped
  }
  try {
    const stat = fstatSync(fd)
    return stat.isFile() ? stat.size : undefined
  } finally {
    closeSync(fd)
  }
}

export function corrupt({ path }: Pick<BlobFile, 'path'>, d: Pick<Descriptor, 'digest'>): never {
  return fail('data_loss', `blob ${d.digest} is damaged: ${path} does not hold what its digest says`, {
    hint: 'remove the image and load or pull it again',
  })
}
