import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { reapSteps } from '#build'
import { identityOf, processLives } from '../container/identity.ts'
import type { Parts } from '../parts.ts'

/** A directory that belongs to this process. */
export interface WorkDir extends Disposable {
  readonly path: string
}

/**
 * Makes a directory on the store's file system for work in progress. Its name says whose it is, so
 * that the next one sweeps up after processes that were killed.
 */
export async function createWorkDir(parts: Parts, kind: string): Promise<WorkDir> {
  await sweepWorkDirs(parts)
  const { pid, start } = identityOf(process.pid)
  const path = join(parts.paths.work, `${kind}.${pid}.${start}.${crypto.randomUUID().slice(0, 8)}`)
  mkdirSync(path, { recursive: true, mode: 0o700 })
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** Removes what dead processes left, build steps that ran on included. A reused pid has another start time; after a boot, hardly the same. */
export async function sweepWorkDirs(parts: Parts): Promise<void> {
  for (const name of namesIn(parts.paths.work)) {
    const [, pid, start] = /^[a-z]+\.(\d+)\.(\d+)\./.exec(name) ?? []
    if (pid !== undefined && processLives({ pid: Number(pid), start: Number(start) })) continue
    try {
      await reapSteps(join(parts.paths.work, name), () => parts.runtime())
    } catch (error) {
      // Another process swept it at the same time.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
    rmSync(join(parts.paths.work, name), { recursive: true, force: true })
  }
}

function namesIn(path: string): readonly string[] {
  try {
    return readdirSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
