import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { checkCanceled } from '#base'
import type { Call } from '#base'
import { diskError, isErrnoCode } from '../diskerror.ts'
import { oneShotName } from '../ingesttable.ts'
import { ownerTag, tagIsAlive } from '../process.ts'

/**
 * Runs `work` while holding a lock file: created exclusively, holding its owner's tag, so that
 * one left by an ended process is broken. A layout has no database to lock by, and belongs to no
 * single tool: what is left behind must be nothing.
 */
export async function withLockFile<T>(path: string, work: () => T, call?: Call): Promise<T> {
  for (let pause = 1; !acquire(path); pause = Math.min(pause * 2, 20)) {
    checkCanceled(call)
    breakDead(path)
    await new Promise((resolve) => setTimeout(resolve, pause))
  }
  try {
    return work()
  } finally {
    rmSync(path, { force: true })
  }
}

function acquire(path: string): boolean {
  try {
    writeFileSync(path, ownerTag(), { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if (isErrnoCode(error, 'EEXIST')) return false
    throw diskError(error, 'lock', path)
  }
}

/** Takes a dead owner's lock away by a rename, and puts it back if it was another one's by then. */
function breakDead(path: string): void {
  if (tagIsAlive(ownerOf(path) ?? '') !== false) return
  const aside = `${path}-${oneShotName()}`
  try {
    renameSync(path, aside)
    if (tagIsAlive(ownerOf(aside) ?? '') !== false) linkSync(aside, path)
  } catch (error) {
    if (!isErrnoCode(error, 'ENOENT') && !isErrnoCode(error, 'EEXIST')) throw diskError(error, 'unlock', path)
  } finally {
    rmSync(aside, { force: true })
  }
}

function ownerOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return undefined
  }
}
