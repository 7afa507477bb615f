import { CairnError, fail, messageOf, text, type Call } from '#base'

/** A secret by its id; undefined when nobody gave one. */
export type SecretReader = (id: string) => Uint8Array | undefined

export interface HttpRequest {
  readonly url: string
  readonly secret: SecretReader
  /** Ask only for what has another ETag. */
  readonly unlessEtag?: string | undefined
}

export interface HttpResponse {
  /** 304: what has the ETag is still the same. */
  readonly isUnchanged: boolean
  readonly body: AsyncIterable<Uint8Array>
  /** Bytes, where the server says. */
  readonly size?: number
  readonly etag?: string
  /** Seconds since the epoch. */
  readonly lastModified?: number
  close(): Promise<void>
}

/** Redirects that are followed. */
const REDIRECTS = 10
const UNCHANGED = 304

/**
 * Asks for a file as it is, without any content coding. Credentials come from the secrets of the host that is asked: a
 * redirect to another host takes none along, but may have its own.
 */
export async function httpGet(request: HttpRequest, call?: Call): Promise<HttpResponse> {
  let url = request.url
  for (let hops = 0; hops <= REDIRECTS; hops++) {
    const response = await ask(url, request, call)
    const location = response.headers.get('location')
    if (response.status < 300 || response.status >= 400 || response.status === UNCHANGED || location === null)
      return read(url, response)
    await response.body?.cancel()
    const next = URL.canParse(location, url) ? new URL(location, url) : undefined
    if (next?.protocol !== 'http:' && next?.protocol !== 'https:')
      fail('unavailable', `${shown(url)} redirects to what is no URL of a file`)
    url = next.href
  }
  return fail('unavailable', `${shown(request.url)} redirects more than ${REDIRECTS} times`)
}

/** A URL as messages show it: without user, password and query. */
export function shown(url: string): string {
  const { origin, pathname } = new URL(url)
  return origin + pathname
}

async function ask(url: string, { secret, unlessEtag }: HttpRequest, call?: Call): Promise<Response> {
  const plain = new URL(url)
  const authorization = credentials(plain, secret)
  plain.username = plain.password = ''
  const headers = {
    'accept-encoding': 'identity',
    'user-agent': 'cairn',
    ...(authorization === undefined ? {} : { authorization }),
    ...(unlessEtag === undefined ? {} : { 'if-none-match': unlessEtag }),
  }
  try {
    return await fetch(plain, { headers, redirect: 'manual', decompress: false, signal: call?.signal ?? null })
  } catch (error) {
    if (call?.signal?.aborted) throw new CairnError('canceled', 'canceled', { cause: error })
    return fail('unavailable', `cannot reach ${shown(url)}: ${messageOf(error)}`, { cause: error })
  }
}

function credentials(url: URL, secret: SecretReader): string | undefined {
  const header = secret(`HTTP_AUTH_HEADER_${url.hostname}`)
  if (header) return text(header).trim()
  const token = secret(`HTTP_AUTH_TOKEN_${url.hostname}`)
  if (token) return `Bearer ${text(token).trim()}`
  if (url.username === '' && url.password === '') return undefined
  return `Basic ${btoa(`${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`)}`
}

async function read(url: string, response: Response): Promise<HttpResponse> {
  const { status, headers } = response
  const isUnchanged = status === UNCHANGED
  if (!isUnchanged && (status < 200 || status >= 300)) {
    await response.body?.cancel()
    const isRefused = status === 401 || status === 403
    const code = isRefused ? 'permission_denied' : status === 404 || status === 410 ? 'not_found' : 'unavailable'
    const hint = `give --secret id=HTTP_AUTH_TOKEN_${new URL(url).hostname}`
    fail(code, `${shown(url)} answers ${status} ${response.statusText}`.trim(), isRefused ? { hint } : {})
  }
  const etag = headers.get('etag')
  const size = Number(headers.get('content-length') ?? Number.NaN)
  const modified = Date.parse(headers.get('last-modified') ?? '')
  return {
    isUnchanged,
    body: response.body ?? nothing(),
    ...(Number.isSafeInteger(size) ? { size } : {}),
    ...(etag === null ? {} : { etag }),
    ...(Number.isNaN(modified) || modified < 0 ? {} : { lastModified: Math.floor(modified / 1000) }),
    close: async () => {
      await response.body?.cancel().catch(() => {})
    },
  }
}

async function* nothing(): AsyncGenerator<Uint8Array, void, void> {}
