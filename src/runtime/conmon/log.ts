import { closeSync, fstatSync, openSync, readSync, statSync, watch } from 'node:fs'
import { checkCanceled, type Call } from '#base'
import { isErrno } from '#sys'
import { endsLine, millisecondsOf, parseLogLine, type LogRecord } from './logline.ts'

export interface ReadLogOptions {
  /** Wait for more at the end. Ends when `ended` settles and all is read, or with the call's signal. */
  readonly follow?: boolean
  /** Settles when nothing more will be written: the container's exit. */
  readonly ended?: Promise<unknown>
  /** The last lines only, counted as the container wrote them. */
  readonly tail?: number
  /** Milliseconds since the epoch: records from then on. */
  readonly since?: number
  /** Milliseconds since the epoch: records up to then. */
  readonly until?: number
  readonly streams?: readonly ('stdout' | 'stderr')[]
}

const BLOCK = 64 * 1024
/** conmon writes at most 8 KiB a record: more without a newline is no log. */
const LINE_LIMIT = 1024 * 1024
const NEWLINE = 0x0a

/** A container's log as it was written by conmon (k8s-file). A log that is not there yet is empty. */
export async function* readLog(path: string, options: ReadLogOptions = {}, call?: Call): AsyncGenerator<LogRecord> {
  const source = new LogSource(path)
  const wake = options.follow ? waker(path, options.ended, call) : undefined
  try {
    source.open(options.tail)
    for (;;) {
      const finished = wake === undefined || wake.ended
      for (const line of source.lines()) {
        checkCanceled(call)
        const record = parseLogLine(line)
        if (!record) continue
        const time = millisecondsOf(record.time)
        if (options.until !== undefined && time > options.until) return
        if (options.since !== undefined && time < options.since) continue
        if (!options.streams || options.streams.includes(record.stream)) yield record
      }
      // Asked before the last read: what was written before the end is not missed.
      if (finished || (await wake?.next()) === false) return
    }
  } finally {
    wake?.close()
    source.close()
  }
}

/** A growing file, possibly replaced by a new one. */
class LogSource {
  readonly #path: string
  #fd: number | undefined
  #offset = 0
  #rest: Uint8Array = new Uint8Array(0)

  constructor(path: string) {
    this.#path = path
  }

  /** Goes to where the last `tail` lines begin. */
  open(tail?: number): void {
    this.#fd = openIfThere(this.#path)
    if (this.#fd !== undefined && tail !== undefined) this.#offset = tailOffset(this.#fd, tail)
  }

  /** Whole lines that were not read before. */
  *lines(): Generator<Uint8Array> {
    if (this.#fd === undefined) this.open()
    while (this.#fd !== undefined) {
      yield* this.#more(this.#fd)
      if (!this.#replaced(this.#fd)) return
      yield* this.#more(this.#fd)
      this.close()
      this.#offset = 0
      this.#rest = new Uint8Array(0)
      this.open()
    }
  }

  *#more(fd: number): Generator<Uint8Array> {
    if (fstatSync(fd).size < this.#offset) this.#offset = 0 // truncated
    for (;;) {
      const block = Buffer.alloc(BLOCK)
      const length = readSync(fd, block, 0, BLOCK, this.#offset)
      if (length === 0) return
      this.#offset += length
      const bytes =
        this.#rest.length > 0 ? Buffer.concat([this.#rest, block.subarray(0, length)]) : block.subarray(0, length)
      let start = 0
      for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
        yield bytes.subarray(start, end + 1)
        start = end + 1
      }
      this.#rest = bytes.length - start > LINE_LIMIT ? new Uint8Array(0) : bytes.subarray(start)
    }
  }

  #replaced(fd: number): boolean {
    const now = statSync(this.#path, { throwIfNoEntry: false })
    return now !== undefined && now.ino !== fstatSync(fd).ino
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r')
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

/** Where the last `count` lines begin, found from the end; an unfinished last line counts as one. */
function tailOffset(fd: number, count: number): number {
  let wanted = count
  let first = true
  for (const { end, complete } of backwards(fd)) {
    if (complete && wanted === 0) return end
    if (complete || first) wanted--
    if (wanted < 0) return end
    first = false
  }
  return 0
}

/** The log's own lines from the last to the first: where each ends, and whether it ends one of the container's. */
function* backwards(fd: number): Generator<{ readonly end: number; readonly complete: boolean }> {
  const { size } = fstatSync(fd)
  // What of a line was read already, its beginning being in a block before: a log's line is short.
  let rest: Uint8Array = new Uint8Array(0)
  for (let offset = size; offset > 0;) {
    const length = Math.min(BLOCK, offset)
    offset -= length
    const block = Buffer.alloc(length)
    readSync(fd, block, 0, length, offset)
    const bytes = Buffer.concat([block, rest])
    let end = bytes.length
    while (end > 0) {
      const start = end < 2 ? 0 : bytes.lastIndexOf(NEWLINE, end - 2) + 1
      if (start === 0 && offset > 0) break
      yield { end: offset + end, complete: endsLine(bytes.subarray(start, end)) }
      end = start
    }
    rest = end > LINE_LIMIT ? new Uint8Array(0) : bytes.subarray(0, end)
  }
}

interface Waker {
  readonly ended: boolean
  /** Resolves when there may be more; false when the caller gave up. */
  next(): Promise<boolean>
  close(): void
}

/** Bun's watcher swallows an event that repeats the last one within a millisecond: look once more after each. */
const AGAIN_MS = 10

/** inotify on the log's directory, which also sees a replaced file. */
function waker(path: string, ended: Promise<unknown> | undefined, call?: Call): Waker {
  let over = false
  let stopped = false
  let news = true
  let waiting: (() => void) | undefined
  let again: ReturnType<typeof setTimeout> | undefined
  const wake = (): void => {
    news = true
    waiting?.()
    waiting = undefined
  }
  const abort = (): void => {
    stopped = true
    wake()
  }
  const end = (): void => {
    over = true
    wake()
  }
  const watcher = watch(path.slice(0, path.lastIndexOf('/') + 1) || '.', () => {
    wake()
    clearTimeout(again)
    again = setTimeout(wake, AGAIN_MS)
  })
  ended?.then(end, end)
  call?.signal?.addEventListener('abort', abort, { once: true })
  if (call?.signal?.aborted) abort()
  return {
    get ended() {
      return over
    },
    async next() {
      if (!news) await new Promise<void>((resolve) => (waiting = resolve))
      news = false
      return !stopped
    },
    close() {
      clearTimeout(again)
      watcher.close()
      call?.signal?.removeEventListener('abort', abort)
    },
  }
}
