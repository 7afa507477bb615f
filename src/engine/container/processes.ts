import { readdirSync, readlinkSync } from 'node:fs'
import { fail } from '#base'
import { cgroupPath, cgroupProcesses } from '#runtime'
import { isErrno, processInfo, type ProcessInfo } from '#sys'
import type { Parts } from '../parts.ts'
import { firstProcess } from './joined.ts'

/** The processes of a running container, by number: as this machine sees them. */
export async function processes(parts: Parts, ref: string): Promise<readonly ProcessInfo[]> {
  const record = parts.containers.find(ref)
  if (record.state !== 'running' && record.state !== 'paused')
    fail('failed_precondition', `container ${record.name} is not running`)
  const grouped = cgroupProcesses(cgroupPath(record.id))
  const pids = grouped.length > 0 ? grouped : inNamespaceOf(await firstProcess(parts, record))
  return pids.sort((a, b) => a - b).flatMap((pid) => processInfo(pid) ?? [])
}

/** Without root there are no control groups: then whoever is in the container's PID namespace, or below the process itself. */
function inNamespaceOf(first: number | undefined): number[] {
  if (first === undefined) return []
  const namespace = namespaceOf(first)
  if (namespace !== namespaceOf(process.pid)) return all().filter((pid) => namespaceOf(pid) === namespace)
  const found = new Set([first])
  const parents = all().flatMap((pid) => processInfo(pid) ?? [])
  for (let size = 0; size !== found.size;) {
    size = found.size
    for (const { pid, parent } of parents) if (found.has(parent)) found.add(pid)
  }
  return [...found]
}

function all(): number[] {
  return readdirSync('/proc').map(Number).filter(Number.isInteger)
}

function namespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH', 'EACCES')) return undefined
    throw error
  }
}
