import { CairnError, fail } from '#base'
import { discard } from '../transport/body.ts'
import { redactUrl } from '../transport/redact.ts'
import type { Credential, RegistryRequest, Transport } from '../types.ts'
import { basicHeader } from './basic.ts'
import { parseChallenges } from './challenge.ts'
import { mergeScopes } from './scope.ts'
import { fetchToken } from './token.ts'
import type { Token, TokenRequest, TokenService } from './token.ts'

/** Who asks, and by which way tokens are fetched. */
export interface AuthOptions {
  /** The credential for this registry, asked for at most once per repository. */
  readonly credential: (request: RegistryRequest) => Promise<Credential | undefined>
  /** Talks to token servers: no credentials of its own, redirects refused by the caller's choice. */
  readonly tokens: Transport
  /** A realm may be plain HTTP: the registry itself is spoken to so. */
  readonly allowHttpRealm?: boolean
  /** Gets the refresh token that is then asked for along with the first token. */
  readonly onRefreshToken?: (token: string) => void
}

type Scheme = { readonly kind: 'basic' } | ({ readonly kind: 'bearer' } & TokenService)

/** Tokens kept per registry; one copy needs a handful. */
const TOKENS_LIMIT = 512

/**
 * Adds what one registry asks for: nothing, a password, or a token for the request's scopes, which is
 * fetched once and kept while it lives. Requests to other origins pass untouched.
 */
export function withAuth(next: Transport, origin: string, options: AuthOptions): Transport {
  const session = new Session(origin, options)
  return async (request) => {
    if (new URL(request.url).origin !== origin) return next(request)
    const header = await session.header(request)
    const answer = await next(header === undefined ? request : authorized(request, header))
    if (answer.status !== 401) return answer
    const changed = await session.challenged(request, answer, header)
    // A streamed body is gone; the caller finds out how much arrived and goes on from there.
    if (!changed || !(request.body === undefined || request.body instanceof Uint8Array)) return answer
    await discard(answer)
    const fresh = await session.header(request)
    return fresh === undefined ? next(request) : next(authorized(request, fresh))
  }
}

function authorized(request: RegistryRequest, authorization: string): RegistryRequest {
  return { ...request, headers: { ...request.headers, authorization } }
}

class Session {
  readonly #origin: string
  readonly #options: AuthOptions
  #scheme: Scheme | undefined
  readonly #tokens = new Map<string, Promise<Token>>()
  /** Scopes that the registry asked for beyond what the request named, by the request's own. */
  readonly #widened = new Map<string, readonly string[]>()

  constructor(origin: string, options: AuthOptions) {
    this.#origin = origin
    this.#options = options
  }

  async header(request: RegistryRequest): Promise<string | undefined> {
    const scheme = this.#scheme
    if (!scheme) return undefined
    const credential = await this.#options.credential(request)
    if (credential?.kind === 'bearer') return `Bearer ${credential.token}`
    if (scheme.kind === 'bearer') return `Bearer ${(await this.#token(request, scheme, credential)).value}`
    return credential?.kind === 'basic' ? basicHeader(credential) : undefined
  }

  /** Takes in a 401. True when another attempt would carry something else than `sent`. */
  async challenged(request: RegistryRequest, answer: Response, sent: string | undefined): Promise<boolean> {
    const challenges = parseChallenges(answer.headers.get('www-authenticate'))
    const bearer = challenges.find((c) => c.scheme === 'bearer' && c.parameters.realm !== undefined)
    if (bearer) {
      const { realm = '', service, scope } = bearer.parameters
      this.#scheme = {
        kind: 'bearer',
        realm: this.#realm(realm),
        ...(service === undefined ? {} : { service }),
      }
      const own = scopeKey(request)
      if (scope !== undefined) this.#widened.set(own, mergeScopes([...(request.scope ?? []), scope]))
      await this.#forget(this.#scopes(request).join(' '), sent)
      return true
    }
    if (!challenges.some((c) => c.scheme === 'basic')) return false
    const known = this.#scheme?.kind === 'basic'
    this.#scheme = { kind: 'basic' }
    if (known && sent !== undefined) return false
    return (await this.#options.credential(request)) !== undefined
  }

  /** Drops a token that was refused, unless another request has replaced it already. */
  async #forget(key: string, sent: string | undefined): Promise<void> {
    const known = this.#tokens.get(key)
    const current = await known?.then(
      (token) => `Bearer ${token.value}`,
      () => undefined,
    )
    if (current === sent && this.#tokens.get(key) === known) this.#tokens.delete(key)
  }

  #scopes(request: RegistryRequest): readonly string[] {
    return this.#widened.get(scopeKey(request)) ?? mergeScopes(request.scope ?? [])
  }

  async #token(request: RegistryRequest, service: TokenService, credential: Credential | undefined): Promise<Token> {
    const scopes = this.#scopes(request)
    const key = scopes.join(' ')
    const known = this.#tokens.get(key)
    if (known) {
      const token = await untilAborted(known, request.signal)
      if (token.expires > Date.now()) return token
    }
    // Not under the request's own signal: others wait for the same token.
    const pending = this.#fetch({ service, scopes, credential })
    pending.catch(() => this.#tokens.get(key) === pending && this.#tokens.delete(key))
    if (this.#tokens.size >= TOKENS_LIMIT) this.#tokens.clear()
    this.#tokens.set(key, pending)
    return untilAborted(pending, request.signal)
  }

  async #fetch(request: TokenRequest): Promise<Token> {
    const { tokens, onRefreshToken } = this.#options
    const token = await fetchToken(tokens, { ...request, offline: onRefreshToken !== undefined })
    if (token.refresh !== undefined) onRefreshToken?.(token.refresh)
    return token
  }

  /** A registry names its token server freely, but neither the password nor the token may cross a wire in clear. */
  #realm(text: string): URL {
    let url: URL
    try {
      url = new URL(text)
    } catch {
      return fail('unauthenticated', `${this.#origin} names a token server that is no URL`)
    }
    if (url.username !== '' || url.password !== '')
      fail('unauthenticated', `${this.#origin} names a token server with a password in its URL`)
    if (url.protocol === 'https:' || (url.protocol === 'http:' && this.#options.allowHttpRealm)) return url
    return fail('unauthenticated', `${this.#origin} names a token server without TLS: ${redactUrl(text)}`, {
      hint: 'name the registry as insecure if that is meant',
    })
  }
}

/** The work's end, or `canceled` as soon as this caller gives up; the work goes on for the others. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work
  let stop = (): void => undefined
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(new CairnError('canceled', 'canceled', { cause: signal.reason }))
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

function scopeKey(request: RegistryRequest): string {
  return mergeScopes(request.scope ?? []).join(' ')
}
