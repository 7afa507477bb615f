import type { Call } from '#base'
import { hasGroup, type RuntimeSpec } from '#runtime'
import { enterPrivateMounts } from '#sys'
import type { Parts } from '../parts.ts'
import type { Ended, StartOptions } from '../types.ts'
import { finish } from './finish.ts'
import { bundleDirectory, prepare } from './prepare.ts'
import { passStdio } from './stdio.ts'
import { containerOf, type ContainerRecord } from './table.ts'

/** Runs a container in the foreground without a monitor, and finishes with it. */
export async function runDirect(
  parts: Parts,
  record: ContainerRecord,
  options: StartOptions,
  lock: { release(): void },
  call?: Call,
): Promise<Ended> {
  const { id } = record
  using stack = new DisposableStack()
  const runtime = await parts.runtime(record.config.options.runtime)
  const dir = bundleDirectory(parts, id)
  // The runtime is started before there is anything to run: it sees what is mounted after that.
  enterPrivateMounts()
  using stdio = passStdio(options.io!)
  const spec = async (): Promise<RuntimeSpec> => {
    const { bundle } = stack.use(await prepare(parts, record, options, call))
    parts.containers.update(id, { state: 'running', started: Date.now() })
    lock.release()
    options.onStart?.(containerOf({ ...record, state: 'running' }))
    return bundle.spec
  }
  const grouped = hasGroup(record.config.options.resources)
  const exit = await runtime.run(id, { dir, spec, grouped }, stdio.io, call)
  await stdio.drain()
  await finish(parts, id, { exit, forgotten: true })
  return exit
}
