import { write, writeSync } from 'node:fs'
import { isErrno, ready } from '#sys'

function writeAsync(fd: number, bytes: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, 0, bytes.length, null, (error, written) => (error ? reject(error) : resolve(written)))
  })
}

/** What a pipe that is ready takes without blocking (PIPE_BUF). */
const ATOMIC = 4096
const STALL_MS = 20

/**
 * Writes all of `bytes` without ever blocking the event loop: directly while the descriptor takes
 * more (2 µs a piece), by a pool thread once it is full. `EPIPE` when the reader is gone.
 */
export async function writeAll(fd: number, bytes: Uint8Array): Promise<void> {
  let at = 0
  while (at < bytes.length) {
    const piece = bytes.subarray(at, at + ATOMIC)
    try {
      at += ready(fd, 'write', 0) ? writeSync(fd, piece) : await writeAsync(fd, piece)
    } catch (error) {
      if (!isErrno(error, 'EAGAIN')) throw error
      // Somebody made the shared descriptor non-blocking: look again in a moment.
      await new Promise((resolve) => setTimeout(resolve, STALL_MS))
    }
  }
}
