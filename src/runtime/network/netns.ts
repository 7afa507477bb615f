import { closeSync, openSync } from 'node:fs'
import { inNetns, newNetns } from '#sys'
import { NETLINK_ROUTE, openNetlink, refuse, type NetlinkConnection } from './netlink.ts'
import { LOOPBACK_INDEX, setUp } from './rtnetlink.ts'
import type { NetnsRef } from './types.ts'

/** A network namespace held by a descriptor; it ends with the last process in it and the last descriptor of it. */
export interface Netns extends Disposable {
  readonly fd: number
  /** For a runtime's `linux.namespaces`, valid while this process holds the descriptor. */
  readonly path: string
}

/** A new namespace with its loopback interface up: all that `--network none` needs. */
export function createNetns(): Netns {
  const fd = newNetns()
  try {
    using socket = inNetns(fd, () => openNetlink(NETLINK_ROUTE))
    raiseLoopback(socket)
  } catch (error) {
    closeSync(fd)
    throw error
  }
  return { fd, path: `/proc/${process.pid}/fd/${fd}`, [Symbol.dispose]: () => closeSync(fd) }
}

function raiseLoopback(socket: NetlinkConnection): void {
  for (const answer of socket.transact([setUp(LOOPBACK_INDEX)])) refuse(answer, 'raising the loopback interface')
}

/** Lends a descriptor of the namespace to `work`. */
export function withNetns<T>(netns: NetnsRef, work: (fd: number) => T): T {
  if ('fd' in netns) return work(netns.fd)
  const fd = openSync(netns.path, 'r')
  try {
    return work(fd)
  } finally {
    closeSync(fd)
  }
}
