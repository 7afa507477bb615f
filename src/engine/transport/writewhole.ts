import { closeSync, lstatSync, openSync, readdirSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { ByteStream } from '#base'
import { diskError } from '#content'
import { tryLock } from '#sys'

/**
 * Writes a file that appears only when it is whole, with the permissions `mode`, the umask's aside. A device or a pipe
 * is written to as it is, never replaced.
 */
export async function writeWhole(path: string, bytes: ByteStream, mode: number = 0o644): Promise<void> {
  try {
    const there = statSync(path, { throwIfNoEntry: false })
    if (there && !there.isFile()) await fill(openSync(path, 'w'), bytes)
    else await replace(path, bytes, mode)
  } catch (error) {
    throw isErrno(error) ? diskError(error, 'write', path) : error
  }
}

async function replace(path: string, bytes: ByteStream, mode: number): Promise<void> {
  removeAbandoned(path)
  const part = `${path}.partial-${process.pid}`
  const fd = openSync(part, 'wx', mode)
  using _ = tryLock(part)
  try {
    await fill(fd, bytes)
    renameSync(part, path)
  } catch (error) {
    rmSync(part, { force: true })
    throw error
  }
}

async function fill(fd: number, bytes: ByteStream): Promise<void> {
  try {
    for await (const chunk of bytes) for (let at = 0; at < chunk.length;) at += writeSync(fd, chunk, at)
  } finally {
    closeSync(fd)
  }
}

/**
 * Removes what killed processes left of this file. Whoever still writes holds a lock on its part: a number says
 * little, for it may be another container's, and the next process in a container often has that of the last.
 */
function removeAbandoned(path: string): void {
  const parts = `${basename(path)}.partial-`
  try {
    for (const name of readdirSync(dirname(path)))
      if (name.startsWith(parts) && /^\d+$/.test(name.slice(parts.length))) removeUnheld(join(dirname(path), name))
  } catch {
    // What cannot be looked at, or is another user's, stays.
  }
}

function removeUnheld(part: string): void {
  if (!lstatSync(part).isFile()) return
  using lock = tryLock(part)
  if (lock) rmSync(part, { force: true })
}

function isErrno(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error
}
