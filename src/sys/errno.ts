import { CairnError, type ErrorCode } from '#base'

/** Linux errno numbers by name (asm-generic; the same on x86-64 and arm64). */
const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  E2BIG: 7,
  ENOEXEC: 8,
  EBADF: 9,
  ECHILD: 10,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  ENOTBLK: 15,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ENOTTY: 25,
  ETXTBSY: 26,
  EFBIG: 27,
  ENOSPC: 28,
  ESPIPE: 29,
  EROFS: 30,
  EMLINK: 31,
  EPIPE: 32,
  EDOM: 33,
  ERANGE: 34,
  EDEADLK: 35,
  ENAMETOOLONG: 36,
  ENOSYS: 38,
  ENOTEMPTY: 39,
  ELOOP: 40,
  ENODATA: 61,
  EOVERFLOW: 75,
  EUSERS: 87,
  ENOTSOCK: 88,
  EMSGSIZE: 90,
  EPROTONOSUPPORT: 93,
  EOPNOTSUPP: 95,
  EAFNOSUPPORT: 97,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ENETDOWN: 100,
  ENETUNREACH: 101,
  ECONNABORTED: 103,
  ECONNRESET: 104,
  ENOBUFS: 105,
  EISCONN: 106,
  ENOTCONN: 107,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  EHOSTUNREACH: 113,
  EALREADY: 114,
  EINPROGRESS: 115,
  ESTALE: 116,
  EUCLEAN: 117,
  EDQUOT: 122,
} as const

export type ErrnoName = keyof typeof ERRNO

const NAMES: ReadonlyMap<number, ErrnoName> = new Map(
  Object.entries(ERRNO).map(([name, number]) => [number, name as ErrnoName]),
)

const CODES: Partial<Record<ErrnoName, ErrorCode>> = {
  EPERM: 'permission_denied',
  EACCES: 'permission_denied',
  ENOENT: 'not_found',
  ESRCH: 'not_found',
  ENODATA: 'not_found',
  EEXIST: 'already_exists',
  EADDRINUSE: 'already_exists',
  ENOSPC: 'resource_exhausted',
  EDQUOT: 'resource_exhausted',
  EMFILE: 'resource_exhausted',
  ENFILE: 'resource_exhausted',
  ENOMEM: 'resource_exhausted',
  ENOBUFS: 'resource_exhausted',
  EUSERS: 'resource_exhausted',
  EBUSY: 'failed_precondition',
  ENOTDIR: 'failed_precondition',
  EISDIR: 'failed_precondition',
  ENOTEMPTY: 'failed_precondition',
  EROFS: 'failed_precondition',
  ENAMETOOLONG: 'invalid_argument',
  ELOOP: 'invalid_argument',
  EXDEV: 'invalid_argument',
  ENOSYS: 'unimplemented',
  EOPNOTSUPP: 'unimplemented',
  EAFNOSUPPORT: 'unimplemented',
  EPROTONOSUPPORT: 'unimplemented',
  ECONNREFUSED: 'unavailable',
  ECONNRESET: 'unavailable',
  ENETUNREACH: 'unavailable',
  EHOSTUNREACH: 'unavailable',
  ETIMEDOUT: 'unavailable',
}

/** What the kernel answered; the `cause` of a {@link CairnError} of this room. Shaped like Node's system errors. */
class Errno extends Error {
  override readonly name = 'Errno'
  readonly code: string
  readonly errno: number
  readonly syscall: string

  constructor(syscall: string, errno: number) {
    const code = NAMES.get(errno) ?? `errno ${errno}`
    super(`${syscall}: ${code}`)
    this.code = code
    this.errno = errno
    this.syscall = syscall
  }
}

/** The error for a failed call; `about` is the path or object that it was asked about. */
export function kernelError(syscall: string, errno: number, about = '', detail = ''): CairnError {
  const cause = new Errno(syscall, errno)
  const code = CODES[cause.code as ErrnoName] ?? 'internal'
  const message = `${syscall}${about && ` ${about}`}: ${cause.code}${detail && ` (${detail})`}`
  return new CairnError(code, message, { cause })
}

/** The errno name behind an error of this room or of node:fs; undefined for any other. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const code = (error as { code?: unknown }).code
  if (!(error instanceof CairnError)) return typeof code === 'string' ? code : undefined
  return error.cause === undefined ? undefined : errnoOf(error.cause)
}

/** True when the error came from a call that answered with one of these. */
export function isErrno(error: unknown, ...names: readonly ErrnoName[]): boolean {
  const name = errnoOf(error)
  return name !== undefined && (names as readonly string[]).includes(name)
}

export function errnoNumber(name: ErrnoName): number {
  return ERRNO[name]
}
