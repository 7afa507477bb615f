import type { Call } from '#base'
import { signalNumber } from '#runtime'
import { containerEvent } from '../events/told.ts'
import type { Parts } from '../parts.ts'
import { ended } from './ended.ts'
import { isUnfinished } from './finish.ts'
import { killUntilEnded, sendSignal } from './kill.ts'

/** Docker's patience, seconds. */
const DEFAULT_TIMEOUT = 10

/** Asks a container to end by its stop signal, and kills it when its time (seconds; -1: for ever) is up. */
export async function stop(
  parts: Parts,
  ref: string,
  options: { readonly timeout?: number; readonly signal?: string } = {},
  call?: Call,
): Promise<void> {
  const record = parts.containers.find(ref)
  const { id, config } = record
  if (!isUnfinished(record)) return
  const seconds = options.timeout ?? config.options.stopTimeout ?? DEFAULT_TIMEOUT
  await sendSignal(parts, id, signalNumber(options.signal ?? config.stopSignal))
  if (parts.containers.get(id)?.state === 'paused') {
    const runtime = await parts.runtime(config.options.runtime)
    await runtime.resume(id).catch(() => undefined)
  }
  const after = await ended(parts, id, { timeout: seconds < 0 ? Infinity : seconds * 1000 }, call)
  if (after && isUnfinished(after)) await killUntilEnded(parts, id, Infinity, call)
  parts.tell(containerEvent(record, 'stop'))
}
