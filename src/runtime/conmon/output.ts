import { write, writeSync } from 'node:fs'
import { promisify } from 'node:util'
import { isErrno, ready } from '#sys'

const writeAsync = promisify(write)

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
      at += ready(fd, 'write', 0)
        ? writeSync(fd, piece)
        : (await writeAsync(fd, piece, 0, piece.length, null)).bytesWritten
    } catch (error) {
      if (!isErrno(error, 'EAGAIN')) throw error
      // Somebody made the shared descriptor non-blocking: look again in a moment.
      await new Promise((resolve) => setTimeout(resolve, STALL_MS))
    }
  }
}
