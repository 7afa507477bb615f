import { closeSync, openSync, readSync } from 'node:fs'

const CHUNK = 1 << 20

/** A file's bytes in order, in a buffer that the next chunk overwrites. */
export function* readChunks(path: string): Generator<Uint8Array, void, void> {
  const fd = openSync(path, 'r')
  try {
    const buffer = new Uint8Array(CHUNK)
    for (;;) {
      const length = readSync(fd, buffer, 0, CHUNK, null)
      if (length === 0) return
      yield buffer.subarray(0, length)
    }
  } finally {
    closeSync(fd)
  }
}
