import { CairnError } from '#base'
import type { ErrorCode } from '#base'

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'not_found',
  ENOSPC: 'resource_exhausted',
  EDQUOT: 'resource_exhausted',
  EMFILE: 'resource_exhausted',
  ENFILE: 'resource_exhausted',
  EACCES: 'permission_denied',
  EPERM: 'permission_denied',
  EROFS: 'permission_denied',
  EIO: 'data_loss',
  ENOTDIR: 'failed_precondition',
  EISDIR: 'failed_precondition',
  ELOOP: 'failed_precondition',
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is exceeded',
  EMFILE: 'too many open files',
  ENFILE: 'too many open files',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  EIO: 'the device reports an I/O error',
  ENOTDIR: 'a component of the path is no directory',
  EISDIR: 'it is a directory',
  ELOOP: 'it is a symbolic link',
}

/** A file-system error as one of ours: what was being done, to which path, and why it failed. */
export function diskError(cause: unknown, doing: string, path: string): CairnError {
  if (cause instanceof CairnError) return cause
  const errno = (cause as NodeJS.ErrnoException | undefined)?.code ?? ''
  const code = CODES[errno] ?? 'internal'
  const reason = REASONS[errno] ?? String(cause)
  const hint = code === 'resource_exhausted' && errno !== 'EMFILE' ? { hint: 'free some space, or prune' } : {}
  return new CairnError(code, `cannot ${doing} ${path}: ${reason}`, { cause, ...hint })
}

/** SQLite's primary result codes that speak of the disk, and what they mean here. */
const RESULTS: Readonly<Record<number, readonly [code: ErrorCode, reason: string]>> = {
  8: ['permission_denied', 'it is read-only'],
  10: ['resource_exhausted', 'no space left on the device, or it reports an I/O error'],
  11: ['data_loss', 'it is damaged'],
  13: ['resource_exhausted', 'no space left on the device'],
  26: ['data_loss', 'it is no database'],
}

/** An error of the store's database as one of ours, where the disk is its cause; any other as it is. */
export function databaseError(cause: unknown, path: string): unknown {
  const [code, reason] = RESULTS[((cause as { errcode?: number } | undefined)?.errcode ?? 0) & 0xff] ?? []
  if (code === undefined) return cause
  const hint = code === 'resource_exhausted' ? { hint: 'free some space, or prune' } : {}
  return new CairnError(code, `cannot use the database ${path}: ${reason}`, { cause, ...hint })
}

/** True for a Node error with this errno name. */
export function isErrnoCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === code
}
