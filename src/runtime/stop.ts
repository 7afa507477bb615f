import { CairnError, isCode, type Call } from '#base'
import { processEnd } from '#sys'
import { killCgroup } from './cgroup/tree.ts'
import { isRunning, type ProcessIdentity } from './liveness.ts'
import type { Runtime } from './types.ts'

export interface StopOptions {
  /** Default SIGTERM. */
  readonly signal?: number
  /** Seconds to wait before SIGKILL; default 10, 0 kills at once, negative waits for ever. */
  readonly timeout?: number
  /** The container's control group: the last resort against processes that outlive its first one. */
  readonly cgroup?: string
}

const SIGTERM = 15
const SIGKILL = 9
/** What the kernel may need to take down a large process after SIGKILL. */
const KILL_MS = 10_000

/**
 * Asks the container's first process to end, waits, then kills it; with it the kernel ends
 * everything in its PID namespace. Answers whether it had to be killed. Stopped already is no error.
 */
export async function stop(
  runtime: Runtime,
  id: string,
  process: ProcessIdentity,
  options: StopOptions = {},
  call?: Call,
): Promise<{ readonly killed: boolean }> {
  const { signal = SIGTERM, timeout = 10, cgroup } = options
  if (!isRunning(process)) return { killed: false }
  if (timeout !== 0) {
    await send(runtime, id, signal)
    if (await ended(process, timeout < 0 ? Infinity : timeout * 1000, call)) return { killed: signal === SIGKILL }
  }
  await send(runtime, id, SIGKILL)
  if (!(await ended(process, KILL_MS, call)) && cgroup !== undefined) await killCgroup(cgroup)
  if (isRunning(process))
    throw new CairnError('failed_precondition', `container ${id} does not die: pid ${process.pid}`)
  return { killed: true }
}

/** A paused container gets its signal when it goes on. One that ended meanwhile needs none. */
async function send(runtime: Runtime, id: string, signal: number): Promise<void> {
  try {
    await runtime.kill(id, signal)
    if ((await runtime.state(id))?.status === 'paused') await runtime.resume(id)
  } catch (error) {
    if (!isCode(error, 'not_found') && !isCode(error, 'failed_precondition')) throw error
  }
}

async function ended(process: ProcessIdentity, timeoutMs: number, call?: Call): Promise<boolean> {
  if (timeoutMs === Infinity) {
    await processEnd(process.pid, process.startTime, call)
    return true
  }
  const timer = AbortSignal.timeout(timeoutMs)
  const signal = call?.signal ? AbortSignal.any([call.signal, timer]) : timer
  try {
    await processEnd(process.pid, process.startTime, { signal })
    return true
  } catch (error) {
    if (!timer.aborted || call?.signal?.aborted) throw error
    return !isRunning(process)
  }
}
