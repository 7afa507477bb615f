import { closeSync, openSync } from 'node:fs'
import { checkCanceled, type Call } from '#base'
import { isErrno, kernelError } from './errno.ts'
import { trySyscall } from './syscall.ts'

const LOCK_SH = 1
const LOCK_EX = 2
const LOCK_NB = 4
const O_CLOEXEC = 0o2000000
const O_RDWR = 2
const O_CREAT = 0o100

/** A held flock; the kernel drops it with the process, however that dies. */
export interface FileLock extends Disposable {
  readonly fd: number
  release(): void
}

export interface LockOptions {
  readonly shared?: boolean
}

/**
 * Takes the lock on a file (made if absent), or undefined when another holds it. Locks belong to
 * the open file: a second call in the same process competes like another process would.
 */
export function tryLock(path: string, options: LockOptions = {}): FileLock | undefined {
  const fd = openSync(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
  const result = trySyscall('flock', fd, (options.shared ? LOCK_SH : LOCK_EX) | LOCK_NB)
  if (result === 0) return held(fd)
  closeSync(fd)
  const error = kernelError('flock', -result, path)
  if (isErrno(error, 'EAGAIN')) return undefined
  throw error
}

/** Waits for the lock. Tries with growing pauses (1 to 50 ms), so the event loop keeps running. */
export async function lock(path: string, options: LockOptions = {}, call?: Call): Promise<FileLock> {
  for (let pause = 1; ; pause = Math.min(pause * 2, 50)) {
    checkCanceled(call)
    const lock = tryLock(path, options)
    if (lock) return lock
    await new Promise((resolve) => setTimeout(resolve, pause))
  }
}

function held(fd: number): FileLock {
  let open = true
  const release = (): void => {
    if (open) closeSync(fd)
    open = false
  }
  return { fd, release, [Symbol.dispose]: release }
}
