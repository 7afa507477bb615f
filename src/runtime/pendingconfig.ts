import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { isErrno, pipe, redirect, setNonBlocking } from '#sys'

/** A config.json for a runtime that starts before it is written. Disposed of undelivered, the runtime reads nothing and gives up. */
export interface PendingConfig extends Disposable {
  /** Where the runtime reads it. */
  readonly path: string
  /** Lets the runtime go on with this file; disposed of no earlier than the runtime has ended. */
  deliver(file: string): Promise<void>
}

/**
 * A runtime needs 3 to 4 ms until it reads its config.json, most of it to link a dozen libraries. They pass while the
 * root is mounted if config.json is a pipe at first. crun reads it twice, and to its end. So the descriptor becomes the file
 * before anything is written: whoever has opened the pipe by then gets the bytes, whoever comes later opens the file.
 */
export function pendingConfig(): PendingConfig {
  const { read, write } = pipe()
  setNonBlocking(write, true)
  const open = new Set([read, write])
  const close = (fd: number): void => {
    if (open.delete(fd)) closeSync(fd)
  }
  return {
    path: `/proc/${process.pid}/fd/${read}`,
    async deliver(file) {
      const config = openSync(file, 'r')
      redirect(config, read)
      closeSync(config)
      await writeAll(write, readFileSync(file))
      close(write)
    },
    [Symbol.dispose]: () => {
      close(read)
      close(write)
    },
  }
}

/** Nearly always one write: a pipe holds 64 KB. */
async function writeAll(fd: number, bytes: Uint8Array): Promise<void> {
  for (let rest = bytes; rest.length > 0;) {
    try {
      rest = rest.subarray(writeSync(fd, rest))
    } catch (error) {
      // Nobody has opened the pipe, or whoever did is gone.
      if (isErrno(error, 'EPIPE')) return
      if (!isErrno(error, 'EAGAIN')) throw error
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }
}
