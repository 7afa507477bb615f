import { dlopen, FFIType, read, type Pointer } from 'bun:ffi'
import { fail } from '#base'
import { errnoNumber, kernelError } from './errno.ts'

/** What a call takes in one register: a number (a 64-bit one up to 2^53), the address of a buffer, or 0. */
export type Argument = number | null | NodeJS.TypedArray

/** [x86-64, arm64] */
const NUMBERS = {
  write: [1, 64],
  read: [0, 63],
  close: [3, 57],
  lseek: [8, 62],
  ioctl: [16, 29],
  socket: [41, 198],
  connect: [42, 203],
  sendto: [44, 206],
  recvfrom: [45, 207],
  bind: [49, 200],
  listen: [50, 201],
  setsockopt: [54, 208],
  kill: [62, 129],
  exit_group: [231, 94],
  fcntl: [72, 25],
  flock: [73, 32],
  statfs: [137, 43],
  mount: [165, 40],
  umount2: [166, 39],
  lsetxattr: [189, 6],
  fsetxattr: [190, 7],
  lgetxattr: [192, 9],
  fgetxattr: [193, 10],
  llistxattr: [195, 12],
  flistxattr: [196, 13],
  lremovexattr: [198, 15],
  fremovexattr: [199, 16],
  getdents64: [217, 61],
  fchmodat: [268, 53],
  mkdirat: [258, 34],
  mknodat: [259, 33],
  fchownat: [260, 54],
  unlinkat: [263, 35],
  linkat: [265, 37],
  symlinkat: [266, 36],
  readlinkat: [267, 78],
  ppoll: [271, 73],
  unshare: [272, 97],
  sync_file_range: [277, 84],
  utimensat: [280, 88],
  dup3: [292, 24],
  pipe2: [293, 59],
  prlimit64: [302, 261],
  setns: [308, 268],
  renameat2: [316, 276],
  memfd_create: [319, 279],
  statx: [332, 291],
  open_tree: [428, 428],
  move_mount: [429, 429],
  fsopen: [430, 430],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  pidfd_open: [434, 434],
  openat2: [437, 437],
  mount_setattr: [442, 442],
} as const

export type Syscall = keyof typeof NUMBERS

const ARCHITECTURE = process.arch === 'arm64' ? 1 : 0
const EINTR = errnoNumber('EINTR')

type RawCall = (number: number, ...args: Argument[]) => number

interface Libc {
  readonly call: RawCall
  /** Where this thread's errno lives. */
  readonly errno: Pointer
}

const PTR = FFIType.ptr
let libc: Libc | undefined

/**
 * One symbol serves the whole kernel: libc's `syscall`, with every argument declared a pointer,
 * takes numbers and buffers alike. Opening the library with two symbols costs 0.2 ms, a call 0.1 µs.
 */
function open(): Libc {
  if (process.platform !== 'linux') fail('unimplemented', `needs Linux; this is ${process.platform}`)
  for (const name of ['libc.so.6', 'libc.so', `libc.musl-${ARCHITECTURE ? 'aarch64' : 'x86_64'}.so.1`]) {
    try {
      const { symbols } = dlopen(name, {
        syscall: { args: [FFIType.i32, PTR, PTR, PTR, PTR, PTR, PTR], returns: FFIType.i64_fast },
        __errno_location: { args: [], returns: PTR },
      })
      const errno = symbols.__errno_location()
      if (errno !== null) return { call: symbols.syscall as unknown as RawCall, errno: errno as Pointer }
    } catch {
      continue // the next name
    }
  }
  return fail('unimplemented', 'no C library could be opened')
}

/** The result, or −errno. Interrupted calls are made again. */
export function trySyscall(name: Syscall, ...args: readonly Argument[]): number {
  libc ??= open()
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = args
  const number = NUMBERS[name][ARCHITECTURE]
  for (;;) {
    const result = Number(libc.call(number, a, b, c, d, e, f))
    if (result !== -1) return result
    const errno = read.i32(libc.errno, 0)
    if (errno !== EINTR) return -errno
  }
}

/** The result, or the error of {@link kernelError} naming `about`. */
export function syscall(name: Syscall, about: string, ...args: readonly Argument[]): number {
  const result = trySyscall(name, ...args)
  if (result < 0) throw kernelError(name, -result, about)
  return result
}

/**
 * A NUL-terminated name for the kernel. Names are bytes: one that is not UTF-8 carries its odd
 * bytes as lone surrogates U+DC80…U+DCFF (as `decodeName` of the codec gives them).
 */
export function cstring(name: string): Uint8Array {
  if (name.includes('\0')) fail('invalid_argument', `a NUL byte in ${JSON.stringify(name.slice(0, 200))}`)
  if (name.isWellFormed()) return Buffer.from(`${name}\0`)
  const parts = Array.from(`${name}\0`, (char) => {
    const code = char.codePointAt(0) ?? 0
    return code >= 0xdc80 && code <= 0xdcff ? Buffer.of(code & 0xff) : Buffer.from(char)
  })
  return Buffer.concat(parts)
}

/** Longer than any name or path that the kernel takes. */
const scratch = new Uint8Array(8 << 10)
const encoder = new TextEncoder()

/** {@link cstring} for the one name of a call that is made at once: the next use overwrites it. Nothing waits for the collector. */
export function shortLived(name: string): Uint8Array {
  if (3 * name.length >= scratch.length || !name.isWellFormed() || name.includes('\0')) return cstring(name)
  scratch[encoder.encodeInto(name, scratch).written] = 0
  return scratch
}
