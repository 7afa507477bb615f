import { fail } from '#base'
import { signRequest, type S3Credentials } from './sign.ts'

export interface S3ClientOptions extends S3Credentials {
  /** `https://s3.eu-central-1.amazonaws.com`; buckets are addressed by path. */
  readonly endpoint: string
  readonly bucket: string
}

interface Send {
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
}

/** One request about an object, or with the empty key about the bucket. */
export type Sender = (method: string, key: string, what?: Send) => Promise<Response>

/** Statuses that mean the same for every operation: not there, or not as the condition wants it. */
const EXPECTED = new Set([404, 412])
const TRIES = 6
const FIRST_PAUSE_MS = 50

/** Sends signed requests, again while the store errs in passing. What is answered is right, 404 or 412; else `unavailable`. */
export function sender(options: S3ClientOptions): Sender {
  return async (method, key, what = {}) => {
    for (let attempt = 1; ; attempt++) {
      const response = await once(options, method, key, what).catch((error: unknown) => error)
      if (response instanceof Response) {
        if (response.ok || EXPECTED.has(response.status)) return response
        const said = (await response.text()).slice(0, 500)
        // 409: another conditional write is under way.
        const passing = response.status >= 500 || response.status === 429 || response.status === 409
        if (!passing || attempt === TRIES) refused(response.status, method, said)
      } else if (attempt === TRIES)
        fail('unavailable', `the object store ${options.endpoint} cannot be reached`, { cause: response })
      await Bun.sleep(FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + Math.random()))
    }
  }
}

async function once(
  options: S3ClientOptions,
  method: string,
  key: string,
  { query, headers, body }: Send,
): Promise<Response> {
  const request = {
    method,
    path: `/${options.bucket}${key === '' ? '' : `/${key}`}`,
    ...(query ? { query } : {}),
    ...(headers ? { headers } : {}),
  }
  const signed = signRequest(options.endpoint, options, request, new Date())
  const init: RequestInit = { method, headers: { ...signed.headers }, redirect: 'manual' }
  if (body !== undefined) init.body = body as Uint8Array<ArrayBuffer> | string
  return fetch(signed.url, init)
}

function refused(status: number, method: string, said: string): never {
  const code = /<Code>([^<]+)<\/Code>/.exec(said)?.[1] ?? ''
  return fail('unavailable', `the object store answers ${status} ${code} to ${method}`)
}
