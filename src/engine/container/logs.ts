import { mkdirSync } from 'node:fs'
import { fail, type Call } from '#base'
import { readLog, type LogRecord } from '#runtime'
import type { Parts } from '../parts.ts'
import type { LogOptions } from '../types.ts'
import { ended } from './ended.ts'

/** A container's log; following ends when the container has. */
export async function* logs(
  parts: Parts,
  ref: string,
  options: LogOptions = {},
  call?: Call,
): AsyncGenerator<LogRecord> {
  const { id, name, direct, config, state } = parts.containers.find(ref)
  if (direct)
    fail('failed_precondition', `container ${name} keeps no log: it runs in the foreground with --rm`, {
      hint: 'its output goes to the terminal that started it; use -d for one that is logged',
    })
  if (config.options.logDriver === 'none')
    fail('unimplemented', `container ${name} keeps no log: it was created with --log-driver none`)
  // Nothing was written yet, and nothing says when something will be.
  if (state === 'created') return
  // A start that has just begun would make it a moment later: it is watched.
  if (options.follow && state === 'starting') mkdirSync(parts.paths.container(id), { recursive: true, mode: 0o700 })
  const over = new AbortController()
  const signal = call?.signal ? AbortSignal.any([call.signal, over.signal]) : over.signal
  try {
    const end = options.follow ? ended(parts, id, {}, { signal }) : undefined
    // Given up when the reader leaves first: that is no failure of the log.
    end?.catch(() => undefined)
    yield* readLog(parts.paths.log(id), { ...options, ...(end && { ended: end }) }, call)
  } finally {
    over.abort()
  }
}
