import { writeSync } from 'node:fs'
import { utf8 } from '#base'

/** The reader of our output has gone: nothing more to say, and nothing wrong. */
export class OutputClosed extends Error {}

/**
 * Writes everything before it returns: a process that exits right after has lost nothing, also
 * on a pipe that some other process made non-blocking.
 */
export function write(fd: number, data: string | Uint8Array): void {
  let bytes = typeof data === 'string' ? utf8(data) : data
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(fd, bytes))
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code === 'EAGAIN') Bun.sleepSync(1)
      else if (code === 'EPIPE') throw new OutputClosed()
      else throw error
    }
  }
}

/** Writes a whole stream, chunk by chunk. */
export async function drain(stream: AsyncIterable<Uint8Array>, fd: number): Promise<void> {
  for await (const chunk of stream) write(fd, chunk)
}

/** A line on standard output. */
export function print(line: string): void {
  write(1, line + '\n')
}

/** A line on standard error. */
export function note(line: string): void {
  write(2, line + '\n')
}

/** Wraps text in an SGR sequence when colours are on. */
export function paint(on: boolean, sgr: string, text: string): string {
  return on ? `\x1b[${sgr}m${text}\x1b[0m` : text
}
