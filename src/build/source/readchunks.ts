import { closeSync, readSync } from 'node:fs'

const CHUNK = 1 << 20

/** The bytes in order of the file that `open` gives a descriptor of, in a buffer that the next chunk overwrites. */
export function* readChunks(open: () => number): Generator<Uint8Array, void, void> {
  const fd = open()
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
