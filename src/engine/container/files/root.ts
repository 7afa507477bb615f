import { statSync } from 'node:fs'
import { fail, isCode, type Call } from '#base'
import { bindOver, close, isErrno, mkdirAt, mknodAt, FileType, O, openIn, openPath, type FileLock } from '#sys'
import type { Parts } from '../../parts.ts'
import type { ContainerMount } from '../../types.ts'
import { fillVolumes, makeSources } from '../../volume/fill.ts'
import { isUnfinished } from '../finish.ts'
import { firstProcess } from '../joined.ts'
import { processLives } from '../identity.ts'
import { lockWithoutMonitor } from '../lock.ts'
import { mountRoot } from '../rootfs.ts'
import type { ContainerRecord } from '../table.ts'

/** A container's root directory, open, with its volumes and mounts in it. */
export interface OpenRoot extends Disposable {
  readonly fd: number
  readonly record: ContainerRecord
}

/**
 * Opens a container's root. Of one that runs it is its own, by a descriptor: lookups from there see its mounts, and with
 * openat2 they end in it, whatever the container makes of its paths meanwhile. Nothing of it is ever executed, and no
 * process enters it. One that does not run is mounted as for a start, and its lock is held until then.
 */
export async function openRoot(parts: Parts, ref: string, call?: Call): Promise<OpenRoot> {
  const { id } = parts.containers.find(ref)
  const running = parts.containers.get(id)
  if (running?.state === 'running' || running?.state === 'paused') return runningRoot(parts, running)
  const lock = await lockWithoutMonitor(parts, id, call)
  try {
    const record = parts.containers.get(id) ?? fail('not_found', `no such container: ${ref}`)
    if (record.state === 'running' || record.state === 'paused') {
      lock.release()
      return await runningRoot(parts, record)
    }
    if (isUnfinished(record) || (record.state !== 'created' && record.state !== 'exited'))
      fail('failed_precondition', `container ${record.name} is ${record.state}`)
    return await stoppedRoot(parts, record, lock, call)
  } catch (error) {
    lock.release()
    throw error
  }
}

/** Of a running container: its first process's own. */
async function runningRoot(parts: Parts, record: ContainerRecord): Promise<OpenRoot> {
  const { name, process } = record
  const pid = await firstProcess(parts, record)
  const ended = (): never => fail('failed_precondition', `container ${name} has just ended: try again`)
  if (pid === undefined) return ended()
  let fd: number
  try {
    fd = openPath(`/proc/${pid}/root`, O.PATH | O.DIRECTORY)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH', 'EACCES')) return ended()
    throw error
  }
  // Looked at after opening: the number was that process's then.
  if (process && !processLives(process)) {
    close(fd)
    return ended()
  }
  return { fd, record, [Symbol.dispose]: () => close(fd) }
}

async function stoppedRoot(parts: Parts, record: ContainerRecord, lock: FileLock, call?: Call): Promise<OpenRoot> {
  const { mounts } = record.config
  const { path } = await mountRoot(parts, record, call)
  makeSources(mounts)
  await fillVolumes(parts, mounts, path, call)
  const fd = openPath(path, O.PATH | O.DIRECTORY)
  try {
    for (const mount of [...mounts].sort((a, b) => depth(a) - depth(b))) mountIn(fd, mount)
  } catch (error) {
    close(fd)
    throw error
  }
  return {
    fd,
    record,
    [Symbol.dispose]: () => {
      close(fd)
      lock.release()
    },
  }
}

function depth({ target }: ContainerMount): number {
  return target.split('/').length
}

/** A tmpfs is empty while its container does not run. */
function mountIn(root: number, { type, source, target, readonly }: ContainerMount): void {
  if (type === 'tmpfs') return
  const place = mountPoint(root, target, statSync(source).isDirectory())
  try {
    bindOver(source, place, { readonly })
  } finally {
    close(place)
  }
}

/** Opens a mount point inside a root; made when it is missing, as the runtime makes it. */
function mountPoint(root: number, target: string, isDirectory: boolean): number {
  try {
    return openIn(root, target, O.PATH)
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error
  }
  const names = target.split('/').filter(Boolean)
  for (const [i, name] of names.entries()) {
    const parent = openIn(root, names.slice(0, i).join('/'), O.PATH | O.DIRECTORY)
    try {
      if (isDirectory || i < names.length - 1) mkdirAt(parent, name, 0o755)
      else mknodAt(parent, name, FileType.file | 0o644)
    } catch (error) {
      if (!isCode(error, 'already_exists')) throw error
    } finally {
      close(parent)
    }
  }
  return openIn(root, target, O.PATH)
}
