import { CairnError, messageOf } from '#base'
import type { ErrorCode } from '#base'

/** distribution-spec, "Error Codes", and UNAVAILABLE of Docker's registry, each with the status that it usually comes with. */
const STATUS = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  BLOB_UPLOAD_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 404,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  SIZE_INVALID: 400,
  UNAUTHORIZED: 401,
  DENIED: 403,
  UNSUPPORTED: 405,
  TOOMANYREQUESTS: 429,
  UNAVAILABLE: 503,
  UNKNOWN: 500,
} as const

export type RefusalCode = keyof typeof STATUS

export interface RefusalDetails {
  readonly status?: number
  readonly detail?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** A request answered with one of the specification's errors: the edge where our codes become HTTP's. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: RefusalCode
  readonly status: number
  readonly detail: unknown
  readonly headers: Readonly<Record<string, string>>

  constructor(code: RefusalCode, message: string, details: RefusalDetails = {}) {
    super(message)
    this.code = code
    this.status = details.status ?? STATUS[code]
    this.detail = details.detail
    this.headers = details.headers ?? {}
  }
}

/** Throws a {@link Refusal}. */
export function refuse(code: RefusalCode, message: string, details?: RefusalDetails): never {
  throw new Refusal(code, message, details)
}

const EDGE: Readonly<Record<ErrorCode, readonly [RefusalCode, number]>> = {
  not_found: ['BLOB_UNKNOWN', 404],
  already_exists: ['DENIED', 409],
  invalid_argument: ['MANIFEST_INVALID', 400],
  failed_precondition: ['UNSUPPORTED', 400],
  unauthenticated: ['UNAUTHORIZED', 401],
  permission_denied: ['DENIED', 403],
  unavailable: ['UNAVAILABLE', 503],
  resource_exhausted: ['UNKNOWN', 507],
  data_loss: ['DIGEST_INVALID', 400],
  unimplemented: ['UNSUPPORTED', 400],
  canceled: ['UNKNOWN', 503],
  internal: ['UNKNOWN', 500],
}

/** Anything thrown as a refusal. What is not ours says nothing of the server's insides. */
export function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  if (!(error instanceof CairnError)) return new Refusal('UNKNOWN', 'the server failed; its log says how')
  const [code, status] = EDGE[error.code]
  // Messages of the storage name paths of the server.
  const safe = status < 500 ? messageOf(error) : status === 507 ? 'the storage is full' : 'the server cannot do it now'
  return new Refusal(code, safe, { status, headers: status === 503 ? { 'retry-after': '1' } : {} })
}

/** The specification's error document. */
export function refusalResponse(refusal: Refusal): Response {
  const { code, message, detail, status } = refusal
  const body = JSON.stringify({ errors: [{ code, message, ...(detail === undefined ? {} : { detail }) }] })
  return new Response(body, { status, headers: { 'content-type': 'application/json', ...refusal.headers } })
}
