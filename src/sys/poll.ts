import { syscall } from './syscall.ts'

const POLLIN = 1
const POLLOUT = 4

/**
 * Waits in the kernel until the descriptor can be read or written (or has failed or closed);
 * false when `timeoutMs` is up. Blocks this thread: for short waits only. −1 waits for ever.
 */
export function ready(fd: number, direction: 'read' | 'write', timeoutMs: number): boolean {
  const poll = new Int32Array([fd, direction === 'read' ? POLLIN : POLLOUT])
  const whole = Math.floor(timeoutMs / 1000)
  const timeout = new BigInt64Array([BigInt(whole), BigInt(Math.round((timeoutMs - whole * 1000) * 1e6))])
  return syscall('ppoll', `fd ${fd}`, poll, 1, timeoutMs < 0 ? null : timeout, null, 0) > 0
}
