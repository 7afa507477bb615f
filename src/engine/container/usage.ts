import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { cgroupPath, cgroupUsage } from '#runtime'
import { isErrno } from '#sys'
import type { Parts } from '../parts.ts'
import type { ContainerUsage } from '../types.ts'
import { firstProcess } from './joined.ts'

/** What a container has used until now; zeros for one that does not run. */
export async function usage(parts: Parts, ref: string): Promise<ContainerUsage> {
  const record = parts.containers.find(ref)
  const { id, name, config, state } = record
  const running = state === 'running' || state === 'paused'
  const group = running ? cgroupUsage(cgroupPath(id)) : undefined
  const time = performance.now()
  const none = { cpu: 0, memory: 0, memoryLimit: 0, processes: 0, read: 0, written: 0, received: 0, sent: 0 }
  if (!group) return { id, name, time, ...none }
  // What goes over the machine's own interfaces is not the container's alone.
  const pid = config.network === 'host' ? undefined : await firstProcess(parts, record)
  const memoryLimit = Math.min(group.memoryLimit, totalmem())
  return { id, name, time, ...group, memoryLimit, ...(pid === undefined ? { received: 0, sent: 0 } : traffic(pid)) }
}

/** Bytes over all interfaces of a process's network but the loopback. */
function traffic(pid: number): { readonly received: number; readonly sent: number } {
  const rows = interfaces(pid).map((line) => line.trim().split(/[:\s]+/))
  const total = (column: number): number =>
    rows.reduce((sum, row) => sum + (row[0] === 'lo' ? 0 : Number(row[column])), 0)
  return { received: total(1), sent: total(9) }
}

/** proc_pid_net(5), `dev`: two lines of headings, then one for each interface. */
function interfaces(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/net/dev`, 'utf8').trimEnd().split('\n').slice(2)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH', 'EINVAL')) return []
    throw error
  }
}
