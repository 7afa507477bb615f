/**
 * The closed set of things that can go wrong. Every edge (exit code, HTTP status) maps from
 * these once; nothing inside Cairn matches on message text.
 */
export type ErrorCode =
  | 'not_found'
  | 'already_exists'
  | 'invalid_argument'
  | 'failed_precondition'
  | 'unauthenticated'
  | 'permission_denied'
  | 'unavailable'
  | 'resource_exhausted'
  | 'data_loss'
  | 'unimplemented'
  | 'canceled'
  | 'internal'

/** A place in a user's file; lines count from 1. */
export interface SourceLocation {
  readonly file: string
  readonly line: number
  readonly endLine?: number
  /** The text of the lines, for an excerpt under the message. */
  readonly excerpt?: string
  /** The lines right above and below it. */
  readonly around?: { readonly before: readonly string[]; readonly after: readonly string[] }
}

/** What an error may say beside its message. */
export interface ErrorDetails {
  /** What the user can do about it: one line, an imperative. */
  readonly hint?: string
  readonly cause?: unknown
  readonly location?: SourceLocation
}

/** The one error type that leaves a room. `message` is one line: what is wrong, and where. */
export class CairnError extends Error {
  override readonly name = 'CairnError'
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly location: SourceLocation | undefined

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.hint = details.hint
    this.location = details.location
  }
}

/** Throws a {@link CairnError}; an expression, so it can stand after `??`. */
export function fail(code: ErrorCode, message: string, details?: ErrorDetails): never {
  throw new CairnError(code, message, details)
}

/** True for a {@link CairnError} with this code. */
export function isCode(error: unknown, code: ErrorCode): error is CairnError {
  return error instanceof CairnError && error.code === code
}

/** The text of anything thrown. What Node says of a failed call is put as every other program puts it: `/x: no such file or directory`. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { path } = error as { readonly path?: unknown }
  return typeof path === 'string' && SYSTEM.test(error.message) ? `${path}: ${reasonOf(error)}` : error.message
}

/** The same without the path, for a line that has named it. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return SYSTEM.exec(error.message)?.[1] ?? error.message
}

/** `ENOENT: no such file or directory, open '/x'`. */
const SYSTEM = /^E[A-Z0-9]+: ([^,]+), \w+/
