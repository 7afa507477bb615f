import { fdatasync, read, write } from 'node:fs'

/**
 * Plain descriptors with promises. Not FileHandle: one that is collected as garbage, because a
 * reader walked away from a stream, ends the whole process.
 */
export function readAt(fd: number, into: Uint8Array, length: number, position: number): Promise<number> {
  return new Promise((resolve, reject) =>
    read(fd, into, 0, length, position, (error, count) => (error ? reject(error) : resolve(count))),
  )
}

/** Writes all of it. */
export async function writeAt(fd: number, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += await new Promise<number>((resolve, reject) =>
      write(fd, bytes, at, bytes.length - at, position + at, (error, count) =>
        error ? reject(error) : resolve(count),
      ),
    )
  }
}

export function syncData(fd: number): Promise<void> {
  return new Promise((resolve, reject) => fdatasync(fd, (error) => (error ? reject(error) : resolve())))
}
