import { fail, isCode } from '#base'
import { signalNumber } from '#runtime'
import type { Parts } from '../parts.ts'
import { ended } from './ended.ts'

const SIGKILL = 9
/** A killed process is gone at once, unless the kernel holds it: then this long is waited, milliseconds. */
const PATIENCE = 10_000
/** Between the record of a direct run and the runtime's own, milliseconds. */
const BIRTH = 500

/** Sends a signal to a container's first process; after SIGKILL, resolves when it is gone. */
export async function kill(parts: Parts, ref: string, signal: string = 'KILL'): Promise<void> {
  const number = signalNumber(signal)
  const { id, name, state } = parts.containers.find(ref)
  if (state !== 'running' && state !== 'paused')
    fail('failed_precondition', `cannot kill container: ${name}: container ${id.slice(0, 12)} is not running`)
  if (!(await sendSignal(parts, id, number)))
    fail('failed_precondition', `cannot kill container: ${name}: container ${id.slice(0, 12)} is not running`)
  if (number === SIGKILL) await ended(parts, id, { timeout: PATIENCE })
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
      if (record.state === 'paused' && signal === SIGKILL) await runtime.resume(id).catch(() => undefined)
      return true
    } catch (error) {
      if (!isCode(error, 'not_found') && !isCode(error, 'failed_precondition')) throw error
      // Being born, or just ended: the record tells which.
      if (Date.now() - started > BIRTH) return false
      await Bun.sleep(5)
    }
  }
}
