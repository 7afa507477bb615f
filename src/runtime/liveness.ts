import { join } from 'node:path'
import { bootId, processAlive, processStartTime } from '#sys'
import { readExit, readPid } from './conmon/exit.ts'
import type { Exit } from './types.ts'

/** One process until the end of time: a pid alone is given again, to others and after a reboot. */
export interface ProcessIdentity {
  readonly pid: number
  /** Clock ticks since boot. */
  readonly startTime: number
  readonly bootId: string
}

/** Who runs under this pid now; undefined when nobody does. */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const startTime = processStartTime(pid)
  return startTime === undefined ? undefined : { pid, startTime, bootId: bootId() }
}

/** Whether that very process still runs. A zombie does not. */
export function isRunning(process: ProcessIdentity): boolean {
  return process.bootId === bootId() && processAlive(process.pid, process.startTime)
}

/** What a monitor's files say of its container. */
export interface Recorded {
  /** The container's first process, while one is recorded. */
  readonly pid?: number
  readonly monitorPid?: number
  readonly exit?: Exit
}

/** Reads them without asking anybody; the pids may be of processes long gone. */
export function readRecorded(dir: string): Recorded {
  const pid = readPid(join(dir, 'pidfile'))
  const monitorPid = readPid(join(dir, 'conmon.pid'))
  const exit = readExit(dir)
  return {
    ...(pid !== undefined && { pid }),
    ...(monitorPid !== undefined && { monitorPid }),
    ...(exit && { exit }),
  }
}
