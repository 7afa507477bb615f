import { closeSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'
import type { ByteStream } from '#base'
import { diskError } from '#content'

/**
 * Writes a file that appears only when it is whole, with the permissions `mode`, the umask's aside. A device or a pipe
 * is written to as it is, never replaced.
 */
export async function writeWhole(path: string, bytes: ByteStream, mode: number = 0o644): Promise<void> {
  const there = statSync(path, { throwIfNoEntry: false })
  const isReplaced = there === undefined || there.isFile()
  const partial = isReplaced ? `${path}.partial-${process.pid}` : path
  // What a killed process left: in a container the next one often has its number.
  if (isReplaced) rmSync(partial, { force: true })
  try {
    const fd = openSync(partial, isReplaced ? 'wx' : 'w', mode)
    try {
      for await (const chunk of bytes) for (let at = 0; at < chunk.length;) at += writeSync(fd, chunk, at)
    } finally {
      closeSync(fd)
    }
    if (isReplaced) renameSync(partial, path)
  } catch (error) {
    if (isReplaced) rmSync(partial, { force: true })
    throw isErrno(error) ? diskError(error, 'write', path) : error
  }
}

function isErrno(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error
}
