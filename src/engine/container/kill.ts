import { fail, isCode, type Call } from '#base'
import { signalNumber } from '#runtime'
import { containerEvent } from '../events/told.ts'
import type { Parts } from '../parts.ts'
import { ended } from './ended.ts'
import { isUnfinished } from './finish.ts'

const SIGKILL = 9
/** A killed process is gone at once, unless the kernel holds it: then this long is waited, milliseconds. */
const PATIENCE = 10_000
/** A killed container that lives on is killed again after this long, milliseconds. */
const AGAIN = 1000
/** Between the record of a direct run and the runtime's own, milliseconds. */
const BIRTH = 500

/** Sends a signal to a container's first process; after SIGKILL, resolves when it is gone. */
export async function kill(parts: Parts, ref: string, signal: string = 'KILL'): Promise<void> {
  const number = signalNumber(signal)
  const { id, name, state } = parts.containers.find(ref)
  if (state !== 'running' && state !== 'paused')
    fail('failed_precondition', `cannot kill container: ${name}: container ${id.slice(0, 12)} is not running`)
  const sent = number === SIGKILL ? await killUntilEnded(parts, id, PATIENCE) : await sendSignal(parts, id, number)
  if (!sent) fail('failed_precondition', `cannot kill container: ${name}: container ${id.slice(0, 12)} is not running`)
}

/**
 * Kills a container and resolves when it has ended, or its time (milliseconds) is up; false when it had ended already.
 * Killed again and thawed as long as it lives: it may not have been born yet, or frozen at that very moment.
 */
export async function killUntilEnded(
  parts: Parts,
  id: string,
  timeout: number = Infinity,
  call?: Call,
): Promise<boolean> {
  const deadline = Date.now() + timeout
  for (let sent = false; ;) {
    if (await sendSignal(parts, id, SIGKILL)) sent = true
    const record = await ended(parts, id, { timeout: Math.min(AGAIN, deadline - Date.now()) }, call)
    if (!record || !isUnfinished(record) || Date.now() >= deadline) return sent
    const runtime = await parts.runtime(record.config.options.runtime)
    await runtime.resume(id).catch(() => undefined)
  }
}

/** False when it has ended already. */
export async function sendSignal(parts: Parts, id: string, signal: number): Promise<boolean> {
  const started = Date.now()
  for (;;) {
    const record = parts.containers.get(id)
    if (!record || (record.state !== 'running' && record.state !== 'paused' && record.state !== 'starting'))
      return false
    const runtime = await parts.runtime(record.config.options.runtime)
    try {
      await runtime.kill(id, signal)
      parts.tell(containerEvent(record, 'kill', { signal: String(signal) }))
      // Frozen, it would not die. Asked after the signal: whoever freezes says so first.
      if (signal === SIGKILL && parts.containers.get(id)?.state === 'paused')
        await runtime.resume(id).catch(() => undefined)
      return true
    } catch (error) {
      if (!isCode(error, 'not_found') && !isCode(error, 'failed_precondition')) throw error
      // Being born, or just ended: the record tells which.
      if (Date.now() - started > BIRTH) return false
      await Bun.sleep(5)
    }
  }
}
