import { CairnError, checkCanceled } from '#base'
import type { ByteStream } from '#base'
import type { RegistryRequest, Transport } from '../types.ts'
import { printable, redactUrl } from './redact.ts'

/** What the lowest transport is made of. */
export interface FetchOptions {
  /** Default: the global fetch. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>
  /** Further members of the init for a URL: Bun's `tls`, `unix`, `proxy`, `decompress`, `timeout`. */
  readonly init?: (url: URL) => object
  readonly userAgent?: string
}

/** Answers of the runtime's own fetch: what it reads from the network is nobody else's. */
const fetched = new WeakSet<Response>()

/** Whether the pieces of an answer's body belong to who reads them, memory and all. */
export function ownsBody(response: Response): boolean {
  return fetched.has(response)
}

/** The transport at the bottom: one fetch, no redirects followed. */
export function fetchTransport(options: FetchOptions = {}): Transport {
  const send = options.fetch ?? ((url, init) => fetch(url, init))
  return async (request) => {
    checkCanceled(abortable(request))
    const url = new URL(request.url)
    try {
      const response = await send(request.url, { ...initOf(request, options), ...options.init?.(url) })
      if (!options.fetch) fetched.add(response)
      return response
    } catch (error) {
      throw sendError(request, error)
    }
  }
}

function initOf(request: RegistryRequest, options: FetchOptions): RequestInit {
  const headers: Record<string, string> = {
    // Blobs are stored compressed: a second coding would only hide lengths.
    'accept-encoding': 'identity',
    'user-agent': options.userAgent ?? 'cairn',
    ...request.headers,
  }
  const { body } = request
  const init: RequestInit & { duplex?: 'half' } = { method: request.method, headers, redirect: 'manual' }
  if (request.signal) init.signal = request.signal
  if (body instanceof Uint8Array) init.body = body as Uint8Array<ArrayBuffer>
  else if (body) {
    init.body = readable(body)
    init.duplex = 'half'
    if (request.length !== undefined) headers['content-length'] = String(request.length)
  }
  return init
}

/** The stream as fetch takes it. Chunks are copied: producers reuse their buffers. */
function readable(stream: ByteStream): ReadableStream<Uint8Array<ArrayBuffer>> {
  const iterator = stream[Symbol.asyncIterator]()
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await iterator.next()
        if (done) controller.close()
        else controller.enqueue(value.slice() as Uint8Array<ArrayBuffer>)
      },
      async cancel() {
        await iterator.return?.()
      },
    },
    { highWaterMark: 0 },
  )
}

function abortable(request: RegistryRequest): { readonly signal?: AbortSignal } {
  return request.signal ? { signal: request.signal } : {}
}

/**
 * What fetch threw, as one of ours. The original is not kept as the cause: on some platforms it
 * holds the whole URL, with a CDN's signature in it.
 */
function sendError(request: RegistryRequest, error: unknown): CairnError {
  if (error instanceof CairnError) return error
  if (request.signal?.aborted) return new CairnError('canceled', 'canceled', { cause: request.signal.reason })
  const where = redactUrl(request.url)
  const reason = connectionReason(error)
  const hint = hintFor(reason)
  return new CairnError('unavailable', `${request.method} ${where}: ${reason}`, hint ? { hint } : {})
}

/** Bun puts the code on the error, Node on its cause. */
export function connectionReason(error: unknown): string {
  for (let e: unknown = error, depth = 0; e instanceof Error && depth < 5; e = e.cause, depth++)
    if ('code' in e && typeof e.code === 'string') return e.code
  return error instanceof Error ? printable(error.message.replace(/\b[a-z]+:\/\/\S+/gi, redactUrl)) : 'no answer'
}

function hintFor(reason: string): string | undefined {
  if (/CERT|SELF_SIGNED|ISSUER|ALTNAME/i.test(reason))
    return 'put the registry’s CA into /etc/docker/certs.d/HOST/ca.crt, or name the registry as insecure in registries.conf'
  if (/SSL|TLS|EPROTO|WRONG_VERSION/i.test(reason))
    return 'if the registry speaks plain HTTP, name it as insecure in registries.conf'
  if (/NOTFOUND|EAI_AGAIN/.test(reason)) return 'check the name of the registry and the DNS'
  return undefined
}
