import { CairnError, text } from '#base'
import type { Call, ErrorCode } from '#base'
import { asArray, asObject, parseObject } from '#oci'
import type { RegistryRequest } from '../types.ts'
import { boundedBody } from './body.ts'
import { printable, redactUrl } from './redact.ts'

/** Bytes of an error's body that are read. */
const ERROR_LIMIT = 64 * 1024
const WARNINGS_LIMIT = 10

/** distribution-spec, error codes, and those that Docker's registry adds. */
const BY_REGISTRY_CODE: Readonly<Record<string, ErrorCode>> = {
  BLOB_UNKNOWN: 'not_found',
  BLOB_UPLOAD_INVALID: 'unavailable',
  BLOB_UPLOAD_UNKNOWN: 'unavailable',
  DENIED: 'permission_denied',
  DIGEST_INVALID: 'data_loss',
  MANIFEST_BLOB_UNKNOWN: 'failed_precondition',
  MANIFEST_INVALID: 'invalid_argument',
  MANIFEST_UNKNOWN: 'not_found',
  NAME_INVALID: 'invalid_argument',
  NAME_UNKNOWN: 'not_found',
  SIZE_INVALID: 'data_loss',
  TAG_INVALID: 'invalid_argument',
  TOOMANYREQUESTS: 'unavailable',
  UNAUTHORIZED: 'unauthenticated',
  UNSUPPORTED: 'unimplemented',
}

const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: 'invalid_argument',
  401: 'unauthenticated',
  403: 'permission_denied',
  404: 'not_found',
  405: 'unimplemented',
  409: 'failed_precondition',
  412: 'failed_precondition',
  413: 'resource_exhausted',
  416: 'failed_precondition',
  429: 'unavailable',
  501: 'unimplemented',
}

/** For answers to HEAD, which have no words of their own. */
const STATUS_WORDS: Readonly<Record<number, string>> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not found',
  405: 'method not allowed',
}

const HINTS: Partial<Record<ErrorCode, string>> = {
  unauthenticated: 'log in as somebody who may do that: cairn login HOST',
  permission_denied: 'this user may not do that here: check the repository’s name and the rights',
}

/** The error that an answer means, with the registry's own words in it; reads at most 64 KiB of them. */
export async function answerError(request: RegistryRequest, response: Response): Promise<CairnError> {
  const { codes, message } = await complaint(response)
  const code = codeOf(response.status, codes)
  const hint = response.status === 429 ? 'the registry limits requests: try again later, or log in' : HINTS[code]
  const words = [String(response.status), ...codes].join(' ')
  const said = message || (codes.length > 0 ? '' : (STATUS_WORDS[response.status] ?? ''))
  const line = `${request.method} ${redactUrl(request.url)}: ${words}${said === '' ? '' : `: ${said}`}`
  return new CairnError(code, line, hint === undefined ? {} : { hint })
}

function codeOf(status: number, codes: readonly string[]): ErrorCode {
  // What the status says precisely is not overruled by a code chosen for the body.
  if (status === 401 || status === 403 || status === 413 || status === 429) return BY_STATUS[status]!
  for (const code of codes) if (Object.hasOwn(BY_REGISTRY_CODE, code)) return BY_REGISTRY_CODE[code]!
  return BY_STATUS[status] ?? (status >= 500 ? 'unavailable' : 'failed_precondition')
}

async function complaint(response: Response): Promise<{ readonly codes: readonly string[]; readonly message: string }> {
  try {
    const bytes = await boundedBody(response, ERROR_LIMIT, 'the answer')
    if (!(response.headers.get('content-type') ?? '').includes('json'))
      return { codes: [], message: readableText(text(bytes)) }
    const errors = asArray(parseObject(bytes, 'the answer').errors, 'errors').slice(0, 5)
    const each = errors.map((error) => asObject(error, 'error'))
    const codes = each.flatMap((e) => (typeof e.code === 'string' ? [printable(e.code, 40)] : []))
    const messages = each.flatMap((e) => (typeof e.message === 'string' && e.message ? [printable(e.message)] : []))
    return { codes, message: messages.join('; ') }
  } catch {
    return { codes: [], message: '' }
  }
}

/** A proxy's HTML page says nothing that a line can hold. */
function readableText(body: string): string {
  return /^\s*</.test(body) ? '' : printable(body)
}

/** Passes a registry's `Warning: 299 - "text"` headers on as progress; each text of one client once. */
export function reportWarnings(response: Response, seen: Set<string>, call?: Call): void {
  const header = response.headers.get('warning')
  if (header === null || !call?.progress) return
  for (const message of warningsOf(header)) {
    if (seen.has(message) || seen.size >= WARNINGS_LIMIT) continue
    seen.add(message)
    call.progress({ kind: 'warning', message })
  }
}

/** distribution-spec, warnings: code 299, agent `-`, a quoted text. Others are ignored. */
export function warningsOf(header: string): readonly string[] {
  const found = header.slice(0, 8192).matchAll(/\b299 - "((?:[^"\\]|\\.)*)"/g)
  return [...found].map(([, quoted = '']) => printable(quoted.replace(/\\(.)/g, '$1'))).slice(0, WARNINGS_LIMIT)
}
