import { closeSync, openSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { fail, utf8 } from '#base'
import { ready } from './poll.ts'
import { errnoNumber, kernelError } from './errno.ts'
import { syscall, trySyscall } from './syscall.ts'

export const AF_UNIX = 1
export const AF_INET = 2
export const AF_INET6 = 10
const AF_NETLINK = 16
export const SOCK_STREAM = 1
export const SOCK_DGRAM = 2
const SOCK_RAW = 3
export const SOCK_SEQPACKET = 5
const SOCK_CLOEXEC = 0o2000000
const O_PATH = 0o10000000
const O_DIRECTORY = process.arch === 'arm64' ? 0o40000 : 0o200000
const MSG_NOSIGNAL = 0x4000
const SUN_PATH_BYTES = 108

/** A socket, closed on exec. Close it with `close`. */
export function socket(family: number, type: number, protocol = 0): number {
  return syscall('socket', `family ${family}`, family, type | SOCK_CLOEXEC, protocol)
}

export function bind(fd: number, address: Uint8Array): void {
  syscall('bind', `fd ${fd}`, fd, address, address.length)
}

export function connect(fd: number, address: Uint8Array): void {
  syscall('connect', `fd ${fd}`, fd, address, address.length)
}

export function listen(fd: number, backlog: number): void {
  syscall('listen', `fd ${fd}`, fd, backlog)
}

export function setSocketOption(fd: number, level: number, option: number, value: number | Uint8Array): void {
  const bytes = typeof value === 'number' ? new Int32Array([value]) : value
  syscall('setsockopt', `${level}/${option} fd ${fd}`, fd, level, option, bytes, bytes.byteLength)
}

/** One send; the number of bytes taken. `EAGAIN` of a full non-blocking socket answers 0. */
export function send(fd: number, bytes: Uint8Array, flags = 0): number {
  const result = trySyscall('sendto', fd, bytes, bytes.length, flags | MSG_NOSIGNAL, null, 0)
  if (result >= 0) return result
  if (-result === errnoNumber('EAGAIN')) return 0
  throw kernelError('send', -result, `fd ${fd}`)
}

/**
 * One receive (one message of a datagram, packet or netlink socket) into `buffer`; the number of
 * bytes, 0 at the peer's end, undefined when nothing came within `timeoutMs` (−1: wait for ever).
 * Blocks this thread meanwhile.
 */
export function recv(fd: number, buffer: Uint8Array, timeoutMs: number, flags = 0): number | undefined {
  if (!ready(fd, 'read', timeoutMs)) return undefined
  const result = trySyscall('recvfrom', fd, buffer, buffer.length, flags, null, null)
  if (result >= 0) return result
  if (-result === errnoNumber('EAGAIN')) return undefined
  throw kernelError('recv', -result, `fd ${fd}`)
}

/** A netlink socket of a protocol (0 route, 12 netfilter), bound to a port the kernel chooses. */
export function netlinkSocket(protocol: number): number {
  const fd = socket(AF_NETLINK, SOCK_RAW, protocol)
  try {
    bind(fd, new Uint8Array(new Uint16Array([AF_NETLINK, 0, 0, 0, 0, 0]).buffer))
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** sockaddr_un. */
export function unixAddress(path: string): Uint8Array {
  const bytes = utf8(path)
  if (bytes.length >= SUN_PATH_BYTES) fail('invalid_argument', `socket path longer than 107 bytes: ${path}`)
  const address = new Uint8Array(2 + bytes.length + 1)
  new Uint16Array(address.buffer, 0, 1)[0] = AF_UNIX
  address.set(bytes, 2)
  return address
}

/** Connects to a SOCK_SEQPACKET socket (conmon's attach), reaching paths of any length through /proc/self/fd. */
export function connectUnixSeqpacket(path: string): number {
  const dir = openSync(dirname(path), O_PATH | O_DIRECTORY)
  const fd = socket(AF_UNIX, SOCK_SEQPACKET)
  try {
    const address = unixAddress(`/proc/self/fd/${dir}/${basename(path)}`)
    const result = trySyscall('connect', fd, address, address.length)
    if (result < 0) throw kernelError('connect', -result, path)
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  } finally {
    closeSync(dir)
  }
}
