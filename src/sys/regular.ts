import { readSync } from 'node:fs'
import { fail } from '#base'
import { isErrno } from './errno.ts'
import { close } from './file.ts'
import { FileType, O, openIn, openPath, statAt } from './openat.ts'

/**
 * Opens a regular file inside a root to read; undefined where there is none. Anything else is not opened at all: to open
 * a device of a hostile tree may start it, to open a FIFO waits.
 */
export function openRegular(root: number | string, path: string): number | undefined {
  let at: number
  try {
    at = openIn(root, path, O.PATH)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG')) return undefined
    throw error
  }
  try {
    if (((statAt(at, '')?.mode ?? 0) & FileType.mask) !== FileType.file) return undefined
    return openPath(`/proc/self/fd/${at}`, O.RDONLY)
  } finally {
    close(at)
  }
}

const CHUNK = 65536

/** The bytes of a regular file inside a root, empty where there is none; more than `limit` are `resource_exhausted`. */
export function readRegular(root: number | string, path: string, limit: number): Buffer {
  const fd = openRegular(root, path)
  if (fd === undefined) return Buffer.alloc(0)
  try {
    const parts: Buffer[] = []
    for (let size = 0; ;) {
      const chunk = Buffer.alloc(CHUNK)
      const length = readSync(fd, chunk, 0, CHUNK, null)
      if (length === 0) return Buffer.concat(parts)
      size += length
      if (size > limit) fail('resource_exhausted', `${path} of the image is larger than ${limit} bytes`)
      parts.push(chunk.subarray(0, length))
    }
  } finally {
    close(fd)
  }
}
