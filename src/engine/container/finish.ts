import { rmSync } from 'node:fs'
import { isCode, type Call } from '#base'
import { cgroupPath, readExit, removeCgroups, type Exit } from '#runtime'
import { release } from '../network/endpoint.ts'
import type { Parts } from '../parts.ts'
import { removeFiles } from './erase.ts'
import { forgetLock, lockContainer } from './lock.ts'
import type { ContainerRecord } from './table.ts'

/** For a container whose monitor died with it: nobody saw how it ended. Docker's word for that. */
const UNKNOWN_EXIT = 255

/**
 * What follows a container's end: the runtime forgets it, its ports are taken back, the record says
 * how it ended, and an auto-removed one goes. Done by its monitor's exit command, by the command line
 * that waits for it, or by the next command after a crash: whoever comes first does it, whoever
 * comes later finds it done.
 */
export async function finish(parts: Parts, id: string, outcome: Outcome = {}, call?: Call): Promise<void> {
  using _ = await lockContainer(parts, id, call)
  const record = parts.containers.get(id)
  if (record && isUnfinished(record)) await finishLocked(parts, record, outcome)
  else if (!record || record.state === 'removed') forgetLock(parts, id)
}

/**
 * {@link finish} for the exit command of the monitor that is `monitor`. One that comes late, when the container has been
 * started again, would end that run, which is not its own.
 */
export async function finishOf(parts: Parts, id: string, monitor: number): Promise<void> {
  using _ = await lockContainer(parts, id)
  const record = parts.containers.get(id)
  if (record && isUnfinished(record) && record.monitor?.pid === monitor) await finishLocked(parts, record)
  else if (!record || record.state === 'removed') forgetLock(parts, id)
}

/** What is known of an end. */
export interface Outcome {
  /** Absent: what the monitor wrote, if it did. */
  readonly exit?: Exit
  /** The runtime has forgotten the container itself. */
  readonly forgotten?: boolean
}

export function isUnfinished({ state }: ContainerRecord): boolean {
  return state === 'running' || state === 'paused' || state === 'starting'
}

/** {@link finish} for a caller that holds the container's lock. */
export async function finishLocked(parts: Parts, record: ContainerRecord, outcome: Outcome = {}): Promise<void> {
  const { id, config } = record
  const ended = outcome.exit ?? recordedExit(parts, id) ?? { code: UNKNOWN_EXIT }
  if (!outcome.forgotten) await forget(parts, record)
  if (record.attached) await release(parts, id, record.attached)
  const changes = {
    process: undefined,
    attached: undefined,
    finished: Date.now(),
    exitCode: ended.code,
    oomKilled: ended.oomKilled === true,
  }
  if (config.options.autoRemove) {
    parts.containers.update(id, { ...changes, state: 'removing' })
    removeFiles(parts, record, { volumes: true })
    parts.containers.bury(id)
    return
  }
  parts.containers.update(id, { ...changes, state: 'exited' })
  rmSync(parts.paths.running(id), { recursive: true, force: true })
}

/** The runtime's own state and the container's control groups, whatever is left of them. */
async function forget(parts: Parts, { id, config }: ContainerRecord): Promise<void> {
  try {
    const runtime = await parts.runtime(config.options.runtime)
    await runtime.delete(id, { force: true })
  } catch (error) {
    // Without its runtime (removed since) there is nobody to ask; what it kept is gone with the next boot.
    if (!isCode(error, 'failed_precondition') && !isCode(error, 'not_found')) throw error
  }
  await removeCgroups(cgroupPath(id))
}

/** The exit that a monitor wrote. */
export function recordedExit(parts: Parts, id: string): Exit | undefined {
  return readExit(parts.paths.running(id))
}
