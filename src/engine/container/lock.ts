import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Call } from '#base'
import { lock, type FileLock } from '#sys'
import type { Parts } from '../parts.ts'

/**
 * The right to change one container's state: held for the milliseconds of a transition, never while
 * it runs. The kernel lets go of it when its holder dies, however that dies.
 */
export async function lockContainer(parts: Parts, id: string, call?: Call): Promise<FileLock> {
  const path = parts.paths.lock(id)
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  return lock(path, {}, call)
}
