import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { cgroupPath, cgroupUsage } from '#runtime'
import { isErrno } from '#sys'
import type { Parts } from '../parts.ts'
import type { ContainerUsage } from '../types.ts'
import { firstProcess } from './joined.ts'
import { processes } from './processes.ts'

/** What a container has used until now; zeros for one that does not run. */
export async function usage(parts: Parts, ref: string): Promise<ContainerUsage> {
  const record = parts.containers.find(ref)
  const { id, name, config, state } = record
  const time = performance.now()
  const none = { cpu: 0, memory: 0, memoryLimit: 0, processes: 0, read: 0, written: 0 }
  if (state !== 'running' && state !== 'paused')
    return { id, name, time, measured: true, ...none, received: 0, sent: 0 }
  const group = cgroupUsage(cgroupPath(id))
  // What goes over the machine's own interfaces is not the container's alone.
  const pid = config.network === 'host' ? undefined : await firstProcess(parts, record)
  const moved = pid === undefined ? { received: 0, sent: 0 } : traffic(pid)
  if (!group)
    return { id, name, time, measured: false, ...none, processes: (await processes(parts, id)).length, ...moved }
  return { id, name, time, measured: true, ...group, memoryLimit: Math.min(group.memoryLimit, totalmem()), ...moved }
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
