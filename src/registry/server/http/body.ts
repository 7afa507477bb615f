import type { ResolvedConfig } from '../configtypes.ts'
import { refuse } from './refusal.ts'

export interface BodyLimits {
  /** A body that brings nothing for so long is given up: milliseconds. */
  readonly stallMs: number
  /** Bytes that must come in every such period, once a body has begun: trickles are given up too. */
  readonly stallBytes: number
}

/** Bytes that must come in each stall period: a trickle is a stall. */
const STALL_BYTES = 4096

/** The limits that a configuration sets. */
export function bodyLimits({ limits }: ResolvedConfig): BodyLimits {
  return { stallMs: limits.stallSeconds * 1000, stallBytes: STALL_BYTES }
}

/** The number in Content-Length; undefined without one. */
export function contentLength(request: Request): number | undefined {
  const text = request.headers.get('content-length')
  if (text === null) return undefined
  const length = /^\d{1,15}$/.test(text) ? Number(text) : NaN
  return Number.isSafeInteger(length) ? length : refuse('SIZE_INVALID', 'ill-formed Content-Length')
}

/**
 * The body's chunks. Throws when it ends before its Content-Length, when it stalls and when it
 * exceeds `limit`.
 */
export async function* bodyOf(
  request: Request,
  limits: BodyLimits,
  limit: number = Infinity,
): AsyncGenerator<Uint8Array, void, void> {
  const announced = contentLength(request)
  if (announced !== undefined && announced > limit) tooLarge(limit)
  if (!request.body) {
    if (announced) refuse('SIZE_INVALID', `the body is empty where ${announced} bytes were announced`)
    return
  }
  const reader = request.body.getReader()
  let size = 0
  let seen = -1
  let stalled = false
  const watch = setInterval(() => {
    if (size - seen < limits.stallBytes && seen >= 0) {
      stalled = true
      void reader.cancel('stalled').catch(() => undefined)
    }
    seen = size
  }, limits.stallMs)
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      size += value.length
      if (size > limit) tooLarge(limit)
      yield value
    }
  } catch (error) {
    if (stalled || request.signal.aborted || !(error instanceof Error) || error.name === 'AbortError')
      brokenOff(stalled)
    throw error
  } finally {
    clearInterval(watch)
    await reader.cancel().catch(() => undefined)
  }
  if (stalled || request.signal.aborted || (announced !== undefined && size < announced)) brokenOff(stalled)
}

/** Of the body of a refused request so much is read: a client that is still sending would not hear the answer. */
const DRAINED = 64 * 1024 * 1024

/** Drops the rest of a body that nobody wants, unless it is long: then the connection breaks off. */
export async function drain(request: Request, limits: BodyLimits): Promise<void> {
  if (!request.body || request.bodyUsed) return
  try {
    for await (const _ of bodyOf(request, limits, DRAINED)) continue
  } catch {
    // The answer matters, not this.
  }
}

function tooLarge(limit: number): never {
  return refuse('SIZE_INVALID', `the body is larger than ${limit} bytes`, { status: 413 })
}

function brokenOff(stalled: boolean): never {
  const why = stalled ? 'the body came too slowly' : 'the body broke off'
  return refuse('BLOB_UPLOAD_INVALID', why, { status: 408, headers: { connection: 'close' } })
}
