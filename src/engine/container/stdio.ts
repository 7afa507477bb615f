import { closeSync, fstatSync, writeSync } from 'node:fs'
import type { Stdio, Stream } from '#runtime'
import { isTerminal, pipe, setNonBlocking } from '#sys'
import type { CallerIo } from '../types.ts'

/** A container's stdio for a run without a monitor, and what carries the bytes where a pipe stands between. */
export interface PassedStdio extends Disposable {
  readonly io: Stdio
  /** Call when the process has ended: resolves when everything that it wrote has been written on. */
  drain(): Promise<void>
}

/** A process that was left behind may keep our pipe open: after this long without a byte nobody waits for it, milliseconds. */
const QUIET = 250

/**
 * The caller's stdio passed on. Files and pipes are handed over as they are; a terminal or a socket
 * stays ours, behind a pipe: a container must not get the caller's terminal to type into, and
 * programs that open /dev/stdout fail on a socket.
 */
export function passStdio(caller: CallerIo): PassedStdio {
  const theirs: number[] = []
  const carried: Promise<void>[] = []
  let last = 0
  const output = (fd: number): Stream => {
    if (canPass(fd)) return fd
    const { read, write } = pipe()
    theirs.push(write)
    carried.push(carryOut(read, fd, () => (last = Date.now())))
    return write
  }
  const input = (fd: number | undefined): Stream => {
    if (fd === undefined) return 'null'
    if (canPass(fd)) return fd
    const { read, write } = pipe()
    theirs.push(read)
    // Not waited for: it ends with the process, when the container does.
    void carryIn(fd, write)
    return read
  }
  const stdout = output(caller.stdout)
  const io: Stdio = { stdin: input(caller.stdin), stdout, stderr: output(caller.stderr) }
  let open = true
  const release = (): void => {
    if (open) for (const fd of theirs) closeSync(fd)
    open = false
  }
  return {
    io,
    drain: async () => {
      release()
      last = Date.now()
      let done = false
      void Promise.all(carried).then(() => (done = true))
      // Nearly always the end of file is there already.
      for (let pause = 0; !done && Date.now() - last < QUIET; pause = 5) await Bun.sleep(pause)
    },
    [Symbol.dispose]: release,
  }
}

/** Regular files, pipes and devices that are no terminals. */
function canPass(fd: number): boolean {
  const stat = fstatSync(fd)
  return stat.isFile() || stat.isFIFO() || (stat.isCharacterDevice() && !isTerminal(fd))
}

async function carryOut(from: number, to: number, onChunk: () => void): Promise<void> {
  for await (const chunk of Bun.file(from).stream() as unknown as AsyncIterable<Uint8Array>) {
    onChunk()
    if (!(await writeAll(to, chunk))) break
  }
  closeSync(from)
}

/** Copies the caller's input to a container until either ends. */
async function carryIn(from: number, to: number): Promise<void> {
  setNonBlocking(to, true)
  for await (const chunk of Bun.file(from).stream() as unknown as AsyncIterable<Uint8Array>) {
    if (!(await writeAll(to, chunk))) break
  }
  closeSync(to)
}

/** False when nobody reads any more. Waits without blocking when the other end is slow. */
export async function writeAll(fd: number, chunk: Uint8Array): Promise<boolean> {
  let rest = chunk
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'EAGAIN') {
        if (code === 'EPIPE' || code === 'EIO' || code === 'EBADF') return false
        throw error
      }
      await Bun.sleep(1)
    }
  }
  return true
}
