import { closeSync, openSync } from 'node:fs'
import { fail } from '#base'
import { isErrno, processAlive, processStartTime } from '#sys'
import type { NetworkFilePaths } from '#runtime'
import { join } from 'node:path'
import type { Parts } from '../parts.ts'
import type { ContainerRecord } from './table.ts'

const PREFIX = 'container:'

/** The container that `container:NAME` names; undefined for every other mode. */
export function joinedOf(parts: Parts, mode: string | undefined): ContainerRecord | undefined {
  return mode?.startsWith(PREFIX) ? parts.containers.find(mode.slice(PREFIX.length)) : undefined
}

/** A mode as it is recorded: by the ID of the container that it names, which may be renamed later. */
export function recordedMode(parts: Parts, mode: string): string {
  const joined = joinedOf(parts, mode)
  return joined ? PREFIX + joined.id : mode
}

/** A namespace of another container, held until disposed of. */
export interface JoinedNamespace extends Disposable {
  /** For the runtime, while this process holds it. */
  readonly path: string
}

/** Takes hold of a namespace of the container that a mode names; undefined for other modes. It must run. */
export async function joinNamespace(
  parts: Parts,
  mode: string | undefined,
  kind: 'net' | 'pid',
): Promise<JoinedNamespace | undefined> {
  const record = joinedOf(parts, mode)
  if (!record) return undefined
  const pid = await firstProcess(parts, record)
  const start = pid === undefined ? undefined : processStartTime(pid)
  const stopped = (): never =>
    fail('failed_precondition', `cannot join the namespace of a container that does not run: ${record.name}`, {
      hint: `cairn start ${record.name}`,
    })
  if (pid === undefined || start === undefined) return stopped()
  const fd = open(`/proc/${pid}/ns/${kind}`) ?? stopped()
  const held = { path: `/proc/${process.pid}/fd/${fd}`, [Symbol.dispose]: () => closeSync(fd) }
  // Its number may have been given to another process meanwhile, whose namespace that is.
  if (processAlive(pid, start)) return held
  held[Symbol.dispose]()
  return stopped()
}

function open(path: string): number | undefined {
  try {
    return openSync(path, 'r')
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return undefined
    throw error
  }
}

/** The process ID of a container's first process; undefined when it does not run. */
export async function firstProcess(parts: Parts, record: ContainerRecord): Promise<number | undefined> {
  if (record.state !== 'running' && record.state !== 'paused') return undefined
  return record.process?.pid ?? (await (await parts.runtime(record.config.options.runtime)).state(record.id))?.pid
}

/** The network files of the container whose network is joined: what they say of names holds for both. */
export function filesOf(parts: Parts, { id }: ContainerRecord): Required<NetworkFilePaths> {
  const dir = parts.paths.running(id)
  return { hosts: join(dir, 'hosts'), hostname: join(dir, 'hostname'), resolvConf: join(dir, 'resolv.conf') }
}
