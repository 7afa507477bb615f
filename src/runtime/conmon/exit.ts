import { existsSync, mkdirSync, readFileSync, watch } from 'node:fs'
import { join } from 'node:path'
import { checkCanceled, CairnError, fail, type Call } from '#base'
import { isErrno, processAlive } from '#sys'
import type { Exit } from '../types.ts'

/** Where conmon puts `exit` (by rename) and `oom`, below a monitor's directory. */
export function exitDir(dir: string): string {
  return join(dir, 'exit')
}

/** The exit that was recorded; undefined while there is none. */
export function readExit(dir: string): Exit | undefined {
  try {
    const text = readFileSync(join(exitDir(dir), 'exit'), 'utf8')
    const code = Number(text)
    if (!/^-?\d+$/.test(text)) fail('data_loss', `${exitDir(dir)}/exit holds ${JSON.stringify(text.slice(0, 40))}`)
    return existsSync(join(exitDir(dir), 'oom')) ? { code, oomKilled: true } : { code }
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

/** How often a wait looks whether the monitor itself was killed: then no exit file ever comes. */
const MONITOR_CHECK_MS = 1000

/**
 * Waits for the exit file: woken by inotify, and read once more after the watch was armed, so
 * that an exit in between is not missed. `unavailable` when the monitor died without writing one.
 */
export async function waitExit(dir: string, call?: Call): Promise<Exit> {
  const there = readExit(dir)
  if (there) return there
  mkdirSync(exitDir(dir), { recursive: true, mode: 0o700 })
  return await new Promise<Exit>((resolve, reject) => {
    const watcher = watch(exitDir(dir), () => look())
    const timer = setInterval(() => look(monitorDied(dir)), MONITOR_CHECK_MS)
    const settle = (done: () => void): void => {
      watcher.close()
      clearInterval(timer)
      call?.signal?.removeEventListener('abort', abort)
      done()
    }
    const abort = (): void => settle(() => reject(canceled(call)))
    // The monitor is looked at before the file: it writes the file while it lives.
    const look = (died = false): void => {
      try {
        const exit = readExit(dir)
        if (exit) settle(() => resolve(exit))
        else if (died) settle(() => reject(new CairnError('unavailable', `the container's monitor was killed`)))
      } catch (error) {
        settle(() => reject(error as Error))
      }
    }
    watcher.on('error', (error) => settle(() => reject(error)))
    call?.signal?.addEventListener('abort', abort, { once: true })
    if (call?.signal?.aborted) abort()
    else look()
  })
}

function canceled(call: Call | undefined): CairnError {
  try {
    checkCanceled(call)
  } catch (error) {
    return error as CairnError
  }
  return new CairnError('canceled', 'canceled')
}

function monitorDied(dir: string): boolean {
  const pid = readPid(join(dir, 'conmon.pid'))
  return pid === undefined || !processAlive(pid)
}

/** A pid that conmon wrote; undefined when the file is not there. */
export function readPid(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, 'utf8').trim())
    return Number.isInteger(pid) && pid > 0 ? pid : undefined
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
}
