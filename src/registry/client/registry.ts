import { fail, isCode } from '#base'
import type { Call } from '#base'
import { withAuth } from './auth/authorize.ts'
import { answerError, reportWarnings } from './transport/answer.ts'
import { discard } from './transport/body.ts'
import { fetchTransport } from './transport/fetch.ts'
import { withRedirects } from './transport/redirect.ts'
import { withRetry } from './transport/retry.ts'
import type { RetryOptions } from './transport/retry.ts'
import type { CredentialSource, Endpoint, RegistryRequest, Transport } from './types.ts'

/** How one registry is reached, and as whom. */
export interface RegistryOptions {
  /**
   * The transport to an endpoint; its TLS settings (CA, client certificate, `insecure`) must hold for that
   * host alone, since redirects go through it too. Default: the global fetch.
   */
  readonly connect?: (endpoint: Endpoint) => Transport
  /** Default: none, everything is asked for anonymously. */
  readonly credentials?: CredentialSource
  readonly retry?: RetryOptions
  /** Gets a refresh token in the place of the password, where the token server gives one: `login` keeps it. */
  readonly onRefreshToken?: (token: string) => void
}

/** A request to a registry, by its path below `/v2/` or by a whole URL that the registry gave. */
export interface Ask extends Omit<RegistryRequest, 'url'> {
  readonly path: string
}

/**
 * One registry at one host: knows its scheme and its way of authentication, keeps its tokens. Shared by
 * every repository on it.
 */
export interface Registry {
  readonly host: string
  /** Sends and returns the answer, unless its status is not among those `expected`: then its error. */
  ask(request: Ask, expected: readonly number[], call?: Call): Promise<Response>
  /** Like {@link ask} without a judgement on the status. */
  send(request: Ask, call?: Call): Promise<Response>
  /** Sends to an address outside the registry: no credentials. */
  outside(request: RegistryRequest, call?: Call): Promise<Response>
  /** The whole URL of a path, or of a Location that the registry answered with. */
  urlOf(pathOrLocation: string, base?: string): Promise<string>
}

export function openRegistry(endpoint: Endpoint, options: RegistryOptions = {}): Registry {
  const connection = (options.connect ?? connectByFetch)(endpoint)
  const outside = withRedirects(withRetry(connection, options.retry), {
    allowDowngrade: (url) => endpoint.insecure && url.host === endpoint.host,
  })
  const warned = new Set<string>()
  let reached: Promise<Reached> | undefined
  const reach = (call?: Call): Promise<Reached> => {
    reached ??= connected(endpoint, connection, outside, options, call).catch((error: unknown) => {
      reached = undefined
      throw error
    })
    return reached
  }
  const send: Registry['send'] = async (request, call) => {
    const { origin, transport } = await reach(call)
    const { path, ...rest } = request
    const response = await transport({ ...rest, url: absolute(path, origin, origin), signal: call?.signal })
    reportWarnings(response, warned, call)
    return response
  }
  return {
    host: endpoint.host,
    send,
    ask: async (request, expected, call) => {
      const response = await send(request, call)
      if (expected.includes(response.status)) return response
      throw await answerError({ ...request, url: absolute(request.path, (await reach(call)).origin) }, response)
    },
    outside: (request, call) => outside({ ...request, signal: call?.signal }),
    urlOf: async (location, base) => {
      const { origin } = await reach()
      return absolute(location, base ?? origin, origin)
    },
  }
}

/** The global fetch. Bun and Deno take `tls`; elsewhere an unknown certificate stays refused. */
function connectByFetch(endpoint: Endpoint): Transport {
  const trusting = { tls: { rejectUnauthorized: false } }
  return fetchTransport({ init: (url) => (endpoint.insecure && url.host === endpoint.host ? trusting : {}) })
}

interface Reached {
  readonly origin: string
  readonly transport: Transport
}

async function connected(
  endpoint: Endpoint,
  connection: Transport,
  outside: Transport,
  options: RegistryOptions,
  call?: Call,
): Promise<Reached> {
  // One more attempt: a link that hiccups here would make a plain registry look like a broken one with TLS.
  const twice = withRetry(connection, { ...options.retry, attempts: 2 })
  const origin = await findOrigin(endpoint, twice, call)
  const { credentials } = options
  const credentialOf = remembered(async (repository: string) => credentials?.(repository, call))
  const transport = withAuth(outside, origin, {
    credential: (request) => credentialOf(`${endpoint.host}${pathOfScope(request)}`),
    tokens: withRetry(connection, options.retry),
    allowHttpRealm: origin.startsWith('http:'),
    ...(options.onRefreshToken ? { onRefreshToken: options.onRefreshToken } : {}),
  })
  return { origin, transport }
}

/** TLS, unless it is configured away: then whichever of the two answers. */
async function findOrigin(endpoint: Endpoint, connection: Transport, call?: Call): Promise<string> {
  const secure = originOf('https', endpoint.host)
  const plain = originOf('http', endpoint.host)
  if (endpoint.plainHttp) return plain
  if (!endpoint.insecure) return secure
  try {
    await discard(await connection({ method: 'GET', url: `${secure}/v2/`, signal: call?.signal }))
    return secure
  } catch (error) {
    if (!isCode(error, 'unavailable') || !notTls(error.message)) throw error
    if (!(await speaksPlain(connection, `${plain}/v2/`, call))) throw error
    return plain
  }
}

/** A TLS server that hung up (it wants a client's certificate, say) answers 400 to plain HTTP, or nothing. */
async function speaksPlain(connection: Transport, url: string, call?: Call): Promise<boolean> {
  try {
    const answer = await connection({ method: 'GET', url, signal: call?.signal })
    await discard(answer)
    return answer.status !== 400
  } catch (error) {
    if (isCode(error, 'canceled')) throw error
    return false
  }
}

/** What a server without TLS makes of a handshake: a protocol error, or a closed connection. Never a bad certificate. */
function notTls(message: string): boolean {
  return /EPROTO|WRONG_VERSION|ECONNRESET|ConnectionClosed|ECONNREFUSED|ConnectionRefused|UND_ERR_SOCKET|EPIPE/.test(
    message,
  )
}

function originOf(scheme: string, host: string): string {
  let url: URL
  try {
    url = new URL(`${scheme}://${host}/`)
  } catch {
    return fail('invalid_argument', `not the address of a registry: ${JSON.stringify(host.slice(0, 100))}`)
  }
  if (url.pathname !== '/' || url.username !== '' || url.search !== '' || url.hash !== '')
    fail('invalid_argument', `not the address of a registry: ${JSON.stringify(host.slice(0, 100))}`)
  return url.origin
}

/**
 * A Location as a URL. A registry behind a proxy that ends TLS often thinks it is spoken to in clear and
 * says `http://` of itself: the scheme in use is kept.
 */
function absolute(location: string, base: string, origin: string = base): string {
  let url: URL
  try {
    url = new URL(location, base)
  } catch {
    return fail('unavailable', `${origin} answers with a location that is no URL`)
  }
  const own = new URL(origin)
  if (url.protocol === 'http:' && own.protocol === 'https:' && url.hostname === own.hostname) {
    url.protocol = 'https:'
    url.port = own.port
  }
  if (url.protocol !== own.protocol && url.protocol !== 'https:')
    fail('permission_denied', `${origin} answers with a location without TLS, at ${url.host}`)
  url.username = ''
  url.password = ''
  return url.href
}

/** `/team/app` out of the first scope of a request; podman keeps credentials by repository. */
function pathOfScope(request: RegistryRequest): string {
  const match = /^repository:([^:]+):/.exec(request.scope?.[0] ?? '')
  return match ? `/${match[1]}` : ''
}

function remembered<T>(ask: (key: string) => Promise<T>): (key: string) => Promise<T> {
  const answers = new Map<string, Promise<T>>()
  return (key) => {
    const known = answers.get(key)
    if (known) return known
    const asking = ask(key)
    if (answers.size > 1000) answers.clear()
    answers.set(key, asking)
    asking.catch(() => answers.delete(key))
    return asking
  }
}
