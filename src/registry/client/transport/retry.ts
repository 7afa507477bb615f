import { checkCanceled, fail, isCode } from '#base'
import type { RegistryRequest, Transport } from '../types.ts'
import { discard } from './body.ts'
import { redactUrl } from './redact.ts'

/** How often, and after how long, a request is made again. */
export interface RetryOptions {
  /** Attempts in all. Default 5. */
  readonly attempts?: number
  /** Milliseconds before the second attempt, doubled for each one after, less up to half by chance. Default 300. */
  readonly baseMs?: number
  /** The longest wait that a Retry-After may ask for; a longer one is an error at once. Default 60,000. */
  readonly longestMs?: number
  /** How to wait; for tests. */
  readonly sleep?: (ms: number, signal?: AbortSignal) => Promise<void>
  /** 0 to 1, for the jitter. */
  readonly random?: () => number
}

/** Answers that another attempt may turn into others. */
const TRANSIENT = new Set([408, 425, 429, 500, 502, 503, 504])

/**
 * Sends again what was refused for the moment (429, 5xx) or got no answer: after Retry-After, else
 * with growing, jittered pauses. Never a streamed body, which is gone, nor what is marked `once`.
 */
export function withRetry(next: Transport, options: RetryOptions = {}): Transport {
  const attempts = options.attempts ?? 5
  const wait = options.sleep ?? sleep
  return async (request) => {
    for (let attempt = 1; ; attempt++) {
      const last = attempt >= attempts || !repeatable(request)
      const answer = await attemptOnce(next, request, last)
      if (answer && (last || !TRANSIENT.has(answer.status))) return answer
      const pause = pauseBefore(request, answer, attempt, options)
      if (answer) await discard(answer)
      await wait(pause, request.signal)
    }
  }
}

/** Milliseconds for attempt n + 1, by the growing jittered rule alone. */
export function backoffMs(attempt: number, options: RetryOptions = {}): number {
  const ceiling = Math.min((options.baseMs ?? 300) * 2 ** (attempt - 1), options.longestMs ?? 60_000)
  return Math.round(ceiling * (1 - 0.5 * (options.random ?? Math.random)()))
}

/** Waits before attempt n + 1, as {@link backoffMs} says. */
export async function backOff(attempt: number, options: RetryOptions, signal?: AbortSignal): Promise<void> {
  await (options.sleep ?? sleep)(backoffMs(attempt, options), signal)
}

/** Waits; `canceled` as soon as the signal fires. */
async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  checkCanceled(signal ? { signal } : {})
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal?.addEventListener('abort', done, { once: true })
  })
  checkCanceled(signal ? { signal } : {})
}

/** Retry-After in milliseconds: seconds or an HTTP date (RFC 9110, 10.2.3). Undefined when absent or senseless. */
export function retryAfterMs(value: string | null, now: number = Date.now()): number | undefined {
  if (value === null) return undefined
  const text = value.trim()
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000
  const date = /^[A-Z][a-z]{2,8},? .{10,40}$/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

function repeatable(request: RegistryRequest): boolean {
  return !request.once && (request.body === undefined || request.body instanceof Uint8Array)
}

async function attemptOnce(next: Transport, request: RegistryRequest, last: boolean): Promise<Response | undefined> {
  try {
    return await next(request)
  } catch (error) {
    if (last || !isCode(error, 'unavailable') || permanent(error.message)) throw error
    return undefined
  }
}

/** Failures that waiting does not mend. */
function permanent(message: string): boolean {
  return /CERT|SELF_SIGNED|ALTNAME|EPROTO|WRONG_VERSION|ENOTFOUND|ECONNREFUSED|ConnectionRefused|ENOENT/.test(message)
}

function pauseBefore(
  request: RegistryRequest,
  answer: Response | undefined,
  attempt: number,
  options: RetryOptions,
): number {
  const longest = options.longestMs ?? 60_000
  const asked = retryAfterMs(answer?.headers.get('retry-after') ?? null)
  if (asked !== undefined && asked > longest)
    fail(
      'unavailable',
      `${new URL(request.url).host} answers ${answer?.status} and asks to wait ${Math.ceil(asked / 1000)} s: ${request.method} ${redactUrl(request.url)}`,
      { hint: 'try again later, or log in: limits are higher for known users' },
    )
  return asked ?? backoffMs(attempt, options)
}
