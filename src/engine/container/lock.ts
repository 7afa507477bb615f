import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Call } from '#base'
import { lock, tryLock, type FileLock } from '#sys'
import type { Parts } from '../parts.ts'
import { monitorGone, processLives } from './identity.ts'

/**
 * The right to change one container's state: held for the milliseconds of a transition, never while
 * it runs. The kernel lets go of it when its holder dies, however that dies.
 */
export async function lockContainer(parts: Parts, id: string, call?: Call): Promise<FileLock> {
  return lock(lockPath(parts, id), {}, call)
}

/**
 * The lock of a container whose last monitor has left. It is waited for without the lock, which its exit command
 * wants as well: with it, each would wait for the other.
 */
export async function lockWithoutMonitor(parts: Parts, id: string, call?: Call): Promise<FileLock> {
  for (let waited = false; ; waited = true) {
    const lock = await lockContainer(parts, id, call)
    const record = parts.containers.get(id)
    if (waited || record?.state !== 'exited' || !processLives(record.monitor)) return lock
    lock.release()
    await monitorGone(record)
  }
}

/** {@link lockContainer}, or undefined when another holds it. */
export function tryLockContainer(parts: Parts, id: string): FileLock | undefined {
  return tryLock(lockPath(parts, id))
}

/** In a directory that is there: every boot takes it away, and leaves the records of containers. */
function lockPath(parts: Parts, id: string): string {
  const path = parts.paths.lock(id)
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  return path
}

/** Takes the lock's file away, under the lock: the container is gone, so whoever still waits for it finds no record. */
export function forgetLock(parts: Parts, id: string): void {
  rmSync(parts.paths.lock(id), { force: true })
}

/** Files of locks whose containers are gone: of a command that waited, or was killed, while another removed. */
export function sweepLocks(parts: Parts): void {
  const directory = dirname(parts.paths.lock('-'))
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  for (const id of readdirSync(directory)) {
    const state = parts.containers.get(id)?.state ?? 'removed'
    using held = state === 'removed' ? tryLock(parts.paths.lock(id)) : undefined
    if (held) forgetLock(parts, id)
  }
}
