import { closeSync, fstatSync, mkdirSync, openSync, readSync, statSync, watch } from 'node:fs'
import type { Call } from '#base'
import { isErrno } from '#sys'
import type { EngineEvent, EventOptions } from '../types.ts'
import { journalPaths } from './journal.ts'

const CHUNK = 64 * 1024
/** Bun's watcher swallows an event that repeats the last one within a millisecond: look once more after each, milliseconds. */
const AGAIN_MS = 10
/** How long a journal is read on after the next has been begun: who had it open writes within microseconds, milliseconds. */
const FAREWELL_MS = 50

/** The events since a time that are still remembered, and those to come until another; without an end, until canceled. */
export async function* follow(
  directory: string,
  { since = Date.now(), until = Infinity }: EventOptions,
  call?: Call,
): AsyncGenerator<EngineEvent, void, void> {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const { now, before } = journalPaths(directory)
  using news = waker(directory, until, call)
  const wanted = (event: EngineEvent): boolean => event.time >= since && event.time <= until
  for (const event of new Journal(before).rest()) if (wanted(event)) yield event
  for (let journal = new Journal(now); ; journal = new Journal(now)) {
    using reading = journal
    while (reading.isCurrent()) {
      for (const event of reading.rest()) if (wanted(event)) yield event
      if (!(await news.next())) return
    }
    await Bun.sleep(FAREWELL_MS)
    for (const event of reading.rest()) if (wanted(event)) yield event
  }
}

/** A journal as far as it has been read. */
class Journal implements Disposable {
  readonly #path: string
  #fd: number | undefined
  #partial = ''

  constructor(path: string) {
    this.#path = path
    this.#fd = this.#open()
  }

  #open(): number | undefined {
    try {
      return openSync(this.#path, 'r')
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined
      throw error
    }
  }

  /** False when the next has been begun. */
  isCurrent(): boolean {
    this.#fd ??= this.#open()
    if (this.#fd === undefined) return true
    return statSync(this.#path, { throwIfNoEntry: false })?.ino === fstatSync(this.#fd).ino
  }

  *rest(): Generator<EngineEvent, void, void> {
    this.#fd ??= this.#open()
    if (this.#fd === undefined) return
    const buffer = Buffer.allocUnsafe(CHUNK)
    for (let length = -1; length !== 0;) {
      length = readSync(this.#fd, buffer, 0, CHUNK, null)
      const lines = (this.#partial + buffer.toString('latin1', 0, length)).split('\n')
      this.#partial = lines.pop() ?? ''
      for (const line of lines) yield* parsed(Buffer.from(line, 'latin1').toString())
    }
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }
}

/** Nothing for a line that a full disk has cut. */
function parsed(line: string): readonly EngineEvent[] {
  try {
    return [JSON.parse(line) as EngineEvent]
  } catch {
    return []
  }
}

interface Waker extends Disposable {
  /** Resolves when there may be something new; false when the time is up or the caller leaves. */
  next(): Promise<boolean>
}

function waker(directory: string, until: number, call?: Call): Waker {
  let over = until <= Date.now()
  let news = false
  let waiting: (() => void) | undefined
  let again: ReturnType<typeof setTimeout> | undefined
  const wake = (): void => {
    news = true
    waiting?.()
  }
  const end = (): void => {
    over = true
    wake()
  }
  const watcher = watch(directory, () => {
    wake()
    clearTimeout(again)
    again = setTimeout(wake, AGAIN_MS)
  })
  const timer = Number.isFinite(until) ? setTimeout(end, Math.max(0, until - Date.now())) : undefined
  call?.signal?.addEventListener('abort', end, { once: true })
  if (call?.signal?.aborted) end()
  return {
    async next() {
      if (!news && !over) await new Promise<void>((resolve) => (waiting = resolve))
      news = false
      return !over
    },
    [Symbol.dispose]() {
      clearTimeout(again)
      clearTimeout(timer)
      watcher.close()
      call?.signal?.removeEventListener('abort', end)
    },
  }
}
