import { read } from 'node:fs'
import { fail } from '#base'

/** One line of conmon's sync pipe: a pid or exit code, or a negative number with the runtime's own words. */
export interface SyncMessage {
  readonly data: number
  readonly message?: string
}

const LINE_LIMIT = 64 * 1024

function readAsync(fd: number, buffer: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, buffer, 0, buffer.length, null, (error, length) => (error ? reject(error) : resolve(length)))
  })
}

/**
 * Reads conmon's next message; `undefined` when the pipe ended without one: conmon has died.
 * A monitor that hangs must not hang its caller: after `timeoutMs` `end` is called, which has to
 * kill it and so to end the pipe.
 */
export async function readSync(fd: number, timeoutMs: number, end: () => void): Promise<SyncMessage | undefined> {
  let late = false
  const timer = setTimeout(() => {
    late = true
    end()
  }, timeoutMs)
  try {
    const line = await readLine(fd)
    if (line !== '') return parse(line)
    if (late) fail('unavailable', `the container monitor did not answer within ${timeoutMs / 1000} s`)
    return undefined
  } finally {
    clearTimeout(timer)
  }
}

async function readLine(fd: number): Promise<string> {
  const buffer = Buffer.alloc(LINE_LIMIT)
  let length = 0
  while (length < buffer.length && !buffer.subarray(0, length).includes(0x0a)) {
    const more = await readAsync(fd, buffer.subarray(length))
    if (more === 0) break
    length += more
  }
  return buffer.toString('utf8', 0, length).split('\n', 1)[0] ?? ''
}

function parse(line: string): SyncMessage {
  const { data, message } = JSON.parse(line) as Partial<SyncMessage>
  if (typeof data !== 'number') fail('internal', `the container monitor answered something unexpected: ${line}`)
  return message === undefined ? { data } : { data, message }
}
