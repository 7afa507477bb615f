import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isErrno, kill } from '#sys'
import type { Parts } from '../parts.ts'
import { finishLocked, recordedExit } from './finish.ts'
import { fromEarlierBoot, identityOf, processLives } from './identity.ts'
import { completeRemoval } from './erase.ts'
import { forgetLock, tryLockContainer } from './lock.ts'
import type { ContainerRecord } from './table.ts'

/** 128 + SIGKILL. */
const KILLED = 137

/**
 * Brings the records in line with what really runs, after a crash of whatever kind: does what a dead
 * monitor or command line did not get to. A container that somebody alive answers for costs one read
 * of /proc and is left alone.
 */
export async function reconcile(parts: Parts, records: readonly ContainerRecord[]): Promise<void> {
  for (const record of records) if (!(await isAnsweredFor(parts, record))) await settle(parts, record.id)
}

async function isAnsweredFor(parts: Parts, record: ContainerRecord): Promise<boolean> {
  if (record.state === 'removing' || fromEarlierBoot(record)) return false
  // Its monitor may live although nobody will start it: whoever starts it holds its lock.
  if (isHandedOver(record)) return false
  if (processLives(record.monitor)) return true
  // A direct run outlives its command line: the runtime stays with it and cleans up after itself.
  return record.direct && record.state !== 'starting' && directRuns(parts, record)
}

/** Created under a monitor, and not recorded as running yet. */
function isHandedOver({ state, process }: ContainerRecord): boolean {
  return state === 'starting' && process !== undefined
}

/** Whether the runtime still has a direct container; its first process is then recorded, to be cheap the next time. */
async function directRuns(parts: Parts, record: ContainerRecord): Promise<boolean> {
  if (record.process) return processLives(record.process)
  const runtime = await parts.runtime(record.config.options.runtime)
  const state = await runtime.state(record.id)
  if (state?.status !== 'running' && state?.status !== 'paused') return false
  parts.containers.update(record.id, { process: identityOf(state.pid) })
  return true
}

/** Does what is left to do, unless somebody else is at it. */
async function settle(parts: Parts, id: string): Promise<void> {
  using lock = tryLockContainer(parts, id)
  if (!lock) return
  const record = parts.containers.get(id)
  // Looked at again under the lock: the work may have been done a moment ago.
  if (!record || record.state === 'removed') return forgetLock(parts, id)
  if (await isAnsweredFor(parts, record)) return
  if (record.state === 'removing') return completeRemoval(parts, record)
  if (record.state === 'starting')
    return (await hasStarted(parts, record)) ? undefined : await abandonStart(parts, record)
  if (record.state !== 'running' && record.state !== 'paused') return
  const exit = recordedExit(parts, id)
  const orphan = !exit && !fromEarlierBoot(record) && processLives(record.process)
  // Without its monitor nobody reads its output or sees its end: as containerd does, it is ended.
  if (orphan) kill(record.process!.pid, 9)
  await finishLocked(parts, record, exit ? { exit } : orphan ? { exit: { code: KILLED } } : {})
}

/** A command line died between starting a container and saying so: what it would have recorded is. */
async function hasStarted(parts: Parts, record: ContainerRecord): Promise<boolean> {
  if (!isHandedOver(record) || !processLives(record.monitor)) return false
  const runtime = await parts.runtime(record.config.options.runtime)
  if ((await runtime.state(record.id))?.status !== 'running') return false
  parts.containers.update(record.id, { state: 'running', started: Date.now() })
  return true
}

/** A command line died between the first mount and the running container. */
async function abandonStart(parts: Parts, record: ContainerRecord): Promise<void> {
  if (!fromEarlierBoot(record)) killStray(join(parts.paths.running(record.id), 'conmon.pid'))
  const before = record.finished
  await finishLocked(parts, record)
  // One that never ran is as it was created; what the failed start wrote goes with the next one.
  if (!record.config.options.autoRemove && record.started === undefined)
    parts.containers.update(record.id, { state: 'created', finished: before, exitCode: undefined })
}

function killStray(pidFile: string): void {
  try {
    const pid = Number(readFileSync(pidFile, 'utf8').trim())
    // The number may be another's by now: only a process that was called as a monitor is one.
    if (pid > 1 && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(pidFile)) kill(pid, 9)
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ESRCH')) throw error
  }
}
