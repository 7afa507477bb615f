import type { Call } from '#base'
import type { Parts } from '../parts.ts'
import type { Ended, StartOptions } from '../types.ts'
import { attachTo, attendContainer } from './attach.ts'
import { identityOf } from './identity.ts'
import type { Prepared } from './prepare.ts'
import { containerOf } from './table.ts'

/**
 * Starts a container under a monitor. With the caller's stdio, answers the promise of its end: the
 * client is connected before the first process runs, so nothing of its output is lost.
 */
export async function startMonitored(
  parts: Parts,
  { record, runtime, bundle, keep }: Prepared,
  options: StartOptions,
  call?: Call,
): Promise<{ readonly ended: Promise<Ended> | undefined }> {
  const { id, name, config } = record
  const { tty, stdin, detach } = config.options
  const monitor = await parts.monitor(runtime)
  const { pid, monitorPid } = await monitor.create(
    id,
    bundle,
    {
      dir: bundle.dir,
      name,
      logPath: config.options.logDriver === 'none' ? '' : parts.paths.log(id),
      terminal: tty === true,
      stdin: stdin === true,
      keepStdin: tty === true || detach === true,
      exitCommand: [...parts.self, '_exit', id],
      ...(keep !== undefined && { keep }),
    },
    call,
  )
  parts.containers.update(id, { process: identityOf(pid), monitor: identityOf(monitorPid) })
  const client = options.io
    ? await attachTo(attendContainer(parts, record, monitor, call), options.io, call)
    : undefined
  try {
    await runtime.start(id)
  } catch (error) {
    client?.[Symbol.dispose]()
    throw error
  }
  parts.containers.update(id, { state: 'running', started: Date.now() })
  client?.started()
  options.onStart?.(containerOf({ ...record, state: 'running' }))
  // In an object: a promise of a promise would wait for the end.
  return { ended: client?.ended }
}
