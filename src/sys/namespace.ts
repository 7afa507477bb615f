import { closeSync, openSync } from 'node:fs'
import { cstring, syscall, trySyscall } from './syscall.ts'
import { MS_REC, MS_SLAVE } from './mount.ts'

const CLONE_NEWNS = 0x00020000
const CLONE_NEWNET = 0x40000000

/** unshare(2) for the calling thread; `CLONE_NEWUSER` is refused in a process with threads, and Bun has them. */
export function unshare(flags: number): void {
  syscall('unshare', '', flags)
}

/** Joins the namespace behind a descriptor of `/proc/PID/ns/*`. */
export function setns(fd: number, type: number): void {
  syscall('setns', `fd ${fd}`, fd, type)
}

let entered = false

/**
 * Moves this process into a mount namespace of its own, in which mounts still arrive from the
 * host but none leave. Once per process. Everything mounted from here on dies with the last
 * process in it.
 *
 * Only this thread moves: Bun's pool threads keep the old namespace, so use synchronous
 * node:fs from here on. Children are started in the new one.
 */
export function enterPrivateMounts(): void {
  if (entered) return
  unshare(CLONE_NEWNS)
  // Slave, never private: a private copy of a host mount would keep it busy after the host unmounts it.
  syscall('mount', '/', cstring('none'), cstring('/'), null, MS_REC | MS_SLAVE, null)
  entered = true
}

/** True after {@link enterPrivateMounts} in this process. */
export function inPrivateMounts(): boolean {
  return entered
}

/**
 * A new network namespace, held by the descriptor alone: it goes when that and its last process
 * are gone. The caller stays in its own. Path for a runtime: `/proc/PID/fd/N`.
 */
export function newNetns(): number {
  const home = openSync('/proc/thread-self/ns/net', 'r')
  try {
    unshare(CLONE_NEWNET)
    try {
      return openSync('/proc/thread-self/ns/net', 'r')
    } finally {
      setns(home, CLONE_NEWNET)
    }
  } finally {
    closeSync(home)
  }
}

/** Runs synchronous work inside a network namespace: sockets made there belong to it for life. */
export function inNetns<T>(fd: number, work: () => T): T {
  const home = openSync('/proc/thread-self/ns/net', 'r')
  try {
    setns(fd, CLONE_NEWNET)
    try {
      return work()
    } finally {
      setns(home, CLONE_NEWNET)
    }
  } finally {
    closeSync(home)
  }
}

/** Whether a call exists on this kernel: made with arguments that it must refuse. */
export function hasSyscall(name: 'openat2' | 'fsopen' | 'mount_setattr' | 'pidfd_open'): boolean {
  const ENOSYS = 38
  return trySyscall(name, -1, null, 0, null, 0) !== -ENOSYS
}
