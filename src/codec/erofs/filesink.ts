import { fstatSync, readSync, writeSync } from 'node:fs'
import type { ErofsSink, ErofsSource } from './types.ts'

/** A sink over a descriptor open for reading and writing. */
export function fileSink(fd: number): ErofsSink {
  return {
    write(bytes, position) {
      for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done, bytes.length - done, position + done)
    },
    read: (bytes, position) => readFull(fd, bytes, position),
  }
}

/** Fills `bytes` from a file; fewer only at its end. */
function readFull(fd: number, bytes: Uint8Array, position: number): number {
  let done = 0
  while (done < bytes.length) {
    const count = readSync(fd, bytes, done, bytes.length - done, position + done)
    if (count === 0) break
    done += count
  }
  return done
}

/** An image in an open file. */
export function fileSource(fd: number): ErofsSource {
  return { read: (bytes, position) => readFull(fd, bytes, position), size: fstatSync(fd).size }
}
