import { closeSync, existsSync, openSync, renameSync, statSync, writeSync } from 'node:fs'
import { tryLock } from '#sys'
import type { EngineEvent } from '../types.ts'

/** Bytes after which a new journal is begun; the one before it is kept. */
const LIMIT = 1 << 20
/** Of one event no more is written than this, bytes: one write, which others' do not cut in two. */
const LINE = 8192

/** After how many events, on the average, the size of the journal is looked at. */
const SELDOM = 64

/** Where events are appended, one JSON document a line, and the journal before it. */
export function journalPaths(directory: string): { readonly now: string; readonly before: string } {
  return { now: `${directory}/journal`, before: `${directory}/journal.1` }
}

/**
 * Appends to the journal in a directory that whoever follows makes, and a boot takes away: until somebody has asked for
 * events nothing is written, and a command pays a look for each. An event that cannot be written is nobody's failure: what
 * it tells of has happened.
 */
export function createJournal(directory: string): (event: Omit<EngineEvent, 'time'>) => void {
  const { now } = journalPaths(directory)
  // Most processes tell four events: a few of them look for all.
  let count = process.pid
  return (event) => {
    if (!existsSync(directory)) return
    const whole = JSON.stringify({ time: performance.timeOrigin + performance.now(), ...event })
    const line = whole.length < LINE ? whole : JSON.stringify({ ...event, time: Date.now(), attributes: {} })
    try {
      append(now, `${line}\n`)
      if (count++ % SELDOM === 0 && statSync(now).size > LIMIT) beginAnew(directory)
    } catch {
      return
    }
  }
}

function append(path: string, line: string): void {
  const fd = openSync(path, 'a', 0o600)
  try {
    writeSync(fd, line)
  } finally {
    closeSync(fd)
  }
}

/** By one process at a time, and once: whoever comes second finds a short journal. */
function beginAnew(directory: string): void {
  const { now, before } = journalPaths(directory)
  using lock = tryLock(`${directory}/lock`)
  if (lock && statSync(now).size > LIMIT) renameSync(now, before)
}
