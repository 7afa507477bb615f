import { fail, type Call } from '#base'
import { bootId } from '#sys'
import type { Parts } from '../parts.ts'
import type { Ended, StartOptions } from '../types.ts'
import { attach } from './attach.ts'
import { runDirect } from './direct.ts'
import { finish, finishLocked, isUnfinished } from './finish.ts'
import { identityOf } from './identity.ts'
import { lockWithoutMonitor } from './lock.ts'
import { startMonitored } from './monitored.ts'
import { prepare } from './prepare.ts'
import type { ContainerRecord } from './table.ts'

/**
 * Starts a container. With the caller's stdio it stays until the end and answers how it ended;
 * without, it resolves when the container runs.
 *
 * A foreground `--rm` run without a terminal has no monitor: nobody could attach to it later or
 * read its log, so the runtime gets the caller's own stdio and this process does what is left to do.
 */
export async function start(
  parts: Parts,
  ref: string,
  options: StartOptions = {},
  call?: Call,
): Promise<Ended | undefined> {
  const { id } = parts.containers.find(ref)
  using lock = await lockWithoutMonitor(parts, id, call)
  const record = parts.containers.get(id) ?? fail('not_found', `no such container: ${ref}`)
  if (record.state === 'paused') fail('failed_precondition', `cannot start a paused container, try unpause instead`)
  if (isUnfinished(record)) {
    lock.release()
    return options.io ? await attach(parts, id, options.io, call) : undefined
  }
  if (record.state !== 'created' && record.state !== 'exited')
    fail('failed_precondition', `container ${record.name} is being removed and cannot be started`)
  const direct = isDirect(record, options)
  parts.containers.update(id, {
    state: 'starting',
    direct,
    monitor: identityOf(process.pid),
    process: undefined,
    boot: bootId(),
    error: undefined,
  })
  try {
    if (direct) return await runDirect(parts, record, options, lock, call)
    using prepared = await prepare(parts, record, options, call)
    const { ended } = await startMonitored(parts, prepared, options, call)
    lock.release()
    return await ended
  } catch (error) {
    await undo(parts, record, error, lock)
    throw error
  }
}

function isDirect({ config }: ContainerRecord, { io }: StartOptions): boolean {
  const { autoRemove, tty, detach } = config.options
  return io !== undefined && autoRemove === true && !tty && !detach
}

/** A start that failed leaves the container as it was, with the reason; an auto-removed one goes. */
async function undo(parts: Parts, before: ContainerRecord, error: unknown, lock: { release(): void }): Promise<void> {
  const { id } = before
  const code = (error as { exitCode?: number }).exitCode ?? 128
  const record = parts.containers.get(id)
  if (record && isUnfinished(record)) {
    try {
      if (record.state === 'starting') await finishLocked(parts, record, { exit: { code } })
      else {
        lock.release()
        await finish(parts, id, { exit: { code } })
      }
    } catch {
      // The first error is the one to tell; reconciling tries again.
      return
    }
  }
  const text = error instanceof Error ? error.message : String(error)
  if (parts.containers.get(id)?.state === 'exited')
    parts.containers.update(id, {
      error: text,
      ...(before.state === 'created' && { state: 'created', finished: undefined }),
    })
}
