import { fail, utf8 } from '#base'
import { parseObject } from '#oci'
import { answerError } from '../transport/answer.ts'
import { boundedBody, discard } from '../transport/body.ts'
import type { Credential, RegistryRequest, Transport } from '../types.ts'
import { basicHeader } from './basic.ts'

/** Bytes of a token server's answer. */
const ANSWER_LIMIT = 1 << 20
/** Seconds a token lives when its server does not say (distribution's token specification). */
const DEFAULT_LIFETIME = 60
/** Seconds before its end from which a token is not used any more. */
const MARGIN = 10

/** Where a registry's tokens come from, out of its challenge. */
export interface TokenService {
  readonly realm: URL
  readonly service?: string
}

export interface Token {
  readonly value: string
  /** Milliseconds since the epoch. */
  readonly expires: number
  /** What further tokens are had for instead of the password, where the server gave one. */
  readonly refresh?: string
}

export interface TokenRequest {
  readonly service: TokenService
  readonly scopes: readonly string[]
  readonly credential?: Credential | undefined
  /** Ask for a refresh token, too: the password need not be kept then. */
  readonly offline?: boolean
  readonly signal?: AbortSignal | undefined
}

const CLIENT_ID = 'cairn'

/**
 * Gets a token. Without a credential and with a password by GET (which every server knows), falling
 * back to OAuth2's POST; with a refresh token by POST. `unauthenticated` when the credential is refused.
 */
export async function fetchToken(transport: Transport, request: TokenRequest): Promise<Token> {
  const { credential } = request
  if (credential?.kind === 'identity')
    return answeredToken(transport, postRequest(request, refreshGrant(credential.token)))
  if (credential?.kind !== 'basic') return answeredToken(transport, getRequest(request))
  const first = getRequest(request)
  const answer = await transport(first)
  if (answer.status === 200) return readToken(answer)
  // What servers answer that know OAuth2's POST alone.
  if (![400, 404, 405, 406].includes(answer.status)) throw await answerError(first, answer)
  await discard(answer)
  return answeredToken(transport, postRequest(request, passwordGrant(credential, request.offline)))
}

function getRequest({ service, scopes, credential, offline, signal }: TokenRequest): RegistryRequest {
  const url = new URL(service.realm)
  if (service.service !== undefined) url.searchParams.set('service', service.service)
  for (const scope of scopes) url.searchParams.append('scope', scope)
  if (credential?.kind !== 'basic') return { method: 'GET', url: url.href, signal }
  url.searchParams.set('client_id', CLIENT_ID)
  if (offline) url.searchParams.set('offline_token', 'true')
  return { method: 'GET', url: url.href, headers: { authorization: basicHeader(credential) }, signal }
}

function postRequest({ service, scopes, signal }: TokenRequest, grant: Record<string, string>): RegistryRequest {
  const form = new URLSearchParams({ ...grant, client_id: CLIENT_ID })
  if (service.service !== undefined) form.set('service', service.service)
  if (scopes.length > 0) form.set('scope', scopes.join(' '))
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  return { method: 'POST', url: service.realm.href, headers, body: utf8(form.toString()), signal }
}

function refreshGrant(token: string): Record<string, string> {
  return { grant_type: 'refresh_token', refresh_token: token }
}

function passwordGrant(
  { username, password }: Credential & { kind: 'basic' },
  offline: boolean | undefined,
): Record<string, string> {
  return { grant_type: 'password', username, password, ...(offline ? { access_type: 'offline' } : {}) }
}

async function answeredToken(transport: Transport, request: RegistryRequest): Promise<Token> {
  const answer = await transport(request)
  if (answer.status !== 200) throw await answerError(request, answer)
  return readToken(answer)
}

async function readToken(answer: Response): Promise<Token> {
  const body = parseObject(
    await boundedBody(answer, ANSWER_LIMIT, 'the token server’s answer'),
    'the token server’s answer',
  )
  const value = [body.token, body.access_token].find((t): t is string => typeof t === 'string' && t !== '')
  // A token goes into a header: nothing that could end the line there.
  if (value === undefined || !/^[\x21-\x7e]+$/.test(value))
    return fail('unauthenticated', 'the token server’s answer has no token')
  const lifetime = typeof body.expires_in === 'number' && body.expires_in > 0 ? body.expires_in : DEFAULT_LIFETIME
  // Counted from now, not from the server's issued_at: clocks differ.
  const expires = Date.now() + Math.floor(Math.max(lifetime - MARGIN, lifetime / 2) * 1000)
  const refresh = body.refresh_token
  return { value, expires, ...(typeof refresh === 'string' && refresh !== '' ? { refresh } : {}) }
}
