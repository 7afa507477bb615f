import { readFileSync } from 'node:fs'
import { checkCanceled, type Call } from '#base'
import { isErrno, kernelError } from './errno.ts'
import { syscall, trySyscall } from './syscall.ts'

/**
 * Ends this process at once: no exit handlers, no destructors (which take 1 ms, and close databases
 * with their fsyncs). What was written by write(2) has been written.
 */
export function exitNow(code: number): never {
  syscall('exit_group', 'exit_group', code)
  throw new Error('unreachable')
}

/** Sends a signal; false when the process is gone. */
export function kill(pid: number, signal: number): boolean {
  const result = trySyscall('kill', pid, signal)
  if (result === 0) return true
  const error = kernelError('kill', -result, String(pid))
  if (isErrno(error, 'ESRCH')) return false
  throw error
}

interface ProcessStat {
  readonly state: string
  readonly startTime: number
}

/** proc(5) `/proc/PID/stat`; the command in parentheses may itself hold spaces and parentheses. */
function statOf(pid: number): ProcessStat | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { state: fields[0] ?? 'X', startTime: Number(fields[19]) }
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return undefined
    throw error
  }
}

/** When a process started, in clock ticks since boot: with the pid, its identity until reboot. */
export function processStartTime(pid: number): number | undefined {
  return statOf(pid)?.startTime
}

/** Whether that very process still runs. A zombie is dead; a reused pid is another process. */
export function processAlive(pid: number, startTime?: number): boolean {
  const stat = statOf(pid)
  if (!stat || stat.state === 'Z' || stat.state === 'X') return false
  return startTime === undefined || stat.startTime === startTime
}

/** Resolves when the process has ended (or become a zombie); looks with growing pauses (1 to 20 ms). */
export async function processEnd(pid: number, startTime?: number, call?: Call): Promise<void> {
  for (let pause = 1; processAlive(pid, startTime); pause = Math.min(pause * 2, 20)) {
    checkCanceled(call)
    await new Promise((resolve) => setTimeout(resolve, pause))
  }
}

/** Changes with every boot: tells stale run state from live. */
export function bootId(): string {
  return (boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim())
}

let boot: string | undefined

/** setrlimit(2) resource numbers. */
export const Resource = {
  CPU: 0,
  FSIZE: 1,
  DATA: 2,
  STACK: 3,
  CORE: 4,
  RSS: 5,
  NPROC: 6,
  NOFILE: 7,
  MEMLOCK: 8,
  AS: 9,
  LOCKS: 10,
  SIGPENDING: 11,
  MSGQUEUE: 12,
  NICE: 13,
  RTPRIO: 14,
  RTTIME: 15,
} as const

/** Limits in the resource's unit; `Infinity` is no limit. */
export interface ResourceLimit {
  readonly soft: number
  readonly hard: number
}

const RLIM_INFINITY = 0xffffffffffffffffn

export function getResourceLimit(resource: number, pid = 0): ResourceLimit {
  const old = new BigUint64Array(2)
  syscall('prlimit64', `pid ${pid}`, pid, resource, null, old)
  const value = (raw: bigint | undefined): number => (raw === RLIM_INFINITY ? Infinity : Number(raw))
  return { soft: value(old[0]), hard: value(old[1]) }
}
