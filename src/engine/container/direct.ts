import type { Call } from '#base'
import type { Parts } from '../parts.ts'
import type { Ended, StartOptions } from '../types.ts'
import { finish } from './finish.ts'
import type { Prepared } from './start.ts'
import { passStdio } from './stdio.ts'
import { containerOf } from './table.ts'

/** Runs a container in the foreground without a monitor, and finishes with it. */
export async function runDirect(
  parts: Parts,
  { record, runtime, bundle }: Prepared,
  options: StartOptions,
  lock: { release(): void },
  call?: Call,
): Promise<Ended> {
  const { id } = record
  using stdio = passStdio(options.io!)
  parts.containers.update(id, { state: 'running', started: Date.now() })
  lock.release()
  options.onStart?.(containerOf({ ...record, state: 'running' }))
  const exit = await runtime.run(id, bundle, stdio.io, call)
  await stdio.drain()
  await finish(parts, id, { exit, forgotten: true })
  return exit
}
