import type { Access } from './access.ts'
import type { Action } from '../http/handler.ts'
import type { RecordStorage } from '../types.ts'

/** One of the things that a token allows: docker's token specification, "Access". */
export interface Grant {
  readonly type: 'repository' | 'registry'
  readonly name: string
  readonly actions: readonly string[]
}

export interface TokenClaims {
  readonly sub: string
  readonly iss: string
  readonly aud: string
  readonly iat: number
  readonly nbf: number
  readonly exp: number
  readonly jti: string
  readonly access: readonly Grant[]
}

/** What a refresh token says: in the place of a password, and of no use anywhere but at the token service. */
export interface RefreshClaims extends Omit<TokenClaims, 'access'> {
  /** Of the user's password when the token was made: another password ends the token. */
  readonly mark: string
}

/** Makes and reads the registry's own tokens: JWTs signed with ES256. */
export interface TokenService {
  issue(claims: Pick<TokenClaims, 'sub' | 'aud' | 'access'>, seconds: number): Promise<string>
  /** The claims of a bearer token of ours that is in force for `audience`; undefined for any other. */
  read(token: string, audience: string): Promise<TokenClaims | undefined>
  issueRefresh(claims: Pick<RefreshClaims, 'sub' | 'aud' | 'mark'>, seconds: number): Promise<string>
  /** Like {@link read}, of refresh tokens: neither kind is ever taken for the other. */
  readRefresh(token: string, audience: string): Promise<RefreshClaims | undefined>
}

const ISSUER = 'cairn-registry'
const REFRESH_ISSUER = 'cairn-registry-refresh'
const KEY = 'key/token'
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const
const SIGNATURE = { name: 'ECDSA', hash: 'SHA-256' } as const
/** Longer than any token of ours: refused before it is parsed. */
const TOKEN_LIMIT = 64 * 1024
/** Clocks of replicas may differ so much: seconds. */
const SKEW = 30

/** Opens the service with the key that all replicas share; the first one makes it. */
export async function openTokenService(records: RecordStorage): Promise<TokenService> {
  const { privateKey, publicKey } = await sharedKey(records)
  const sign = async <C extends object>(issuer: string, own: C, seconds: number): Promise<string> => {
    const now = Math.floor(Date.now() / 1000)
    const claims = { ...own, iss: issuer, iat: now, nbf: now - SKEW, exp: now + seconds, jti: crypto.randomUUID() }
    const signed = `${encode({ alg: 'ES256', typ: 'JWT' })}.${encode(claims)}`
    const signature = await crypto.subtle.sign(SIGNATURE, privateKey, new TextEncoder().encode(signed))
    return `${signed}.${new Uint8Array(signature).toBase64({ alphabet: 'base64url', omitPadding: true })}`
  }
  const read = async <C extends TokenClaims | RefreshClaims>(
    issuer: string,
    token: string,
    audience: string,
  ): Promise<C | undefined> => {
    if (token.length > TOKEN_LIMIT) return undefined
    const [head = '', payload = '', signature = '', ...rest] = token.split('.')
    if (rest.length > 0) return undefined
    try {
      // The algorithm is ours, never the token's word.
      const bytes = Uint8Array.fromBase64(signature, { alphabet: 'base64url' })
      const signed = new TextEncoder().encode(`${head}.${payload}`)
      if (!(await crypto.subtle.verify(SIGNATURE, publicKey, bytes, signed))) return undefined
      const claims = JSON.parse(
        new TextDecoder().decode(Uint8Array.fromBase64(payload, { alphabet: 'base64url' })),
      ) as C
      const now = Date.now() / 1000
      const inForce = claims.nbf <= now + SKEW && claims.exp > now
      return inForce && claims.iss === issuer && claims.aud === audience ? claims : undefined
    } catch {
      return undefined
    }
  }
  return {
    issue: (claims, seconds) => sign(ISSUER, claims, seconds),
    read: (token, audience) => read<TokenClaims>(ISSUER, token, audience),
    issueRefresh: (claims, seconds) => sign(REFRESH_ISSUER, claims, seconds),
    readRefresh: (token, audience) => read<RefreshClaims>(REFRESH_ISSUER, token, audience),
  }
}

/** `repository:team/app:pull,push` of a token request, each cut down to what `access` allows. */
export function grantsOf(scopes: readonly string[], access: Access): readonly Grant[] {
  return scopes.flatMap((scope): readonly Grant[] => {
    const match = /^(repository|registry)(?:\([a-z]+\))?:([^:]+(?::\d+)?[^:]*):([a-z,*]+)$/.exec(scope)
    if (!match) return []
    const [, type = '', name = '', wanted = ''] = match
    if (type === 'registry') return name === 'catalog' ? [{ type: 'registry', name, actions: ['*'] }] : []
    const all: readonly Action[] = ['pull', 'push', 'delete']
    const asked = wanted.split(',')
    const actions = all.filter((a) => (asked.includes(a) || asked.includes('*')) && access(a, name))
    return actions.length > 0 ? [{ type: 'repository', name, actions }] : []
  })
}

/** What a token's grants allow. */
export function accessByGrants(grants: readonly Grant[]): Access {
  return (action, repository) =>
    grants.some((g) => g.type === 'repository' && g.name === repository && g.actions.includes(action))
}

async function sharedKey(records: RecordStorage): Promise<CryptoKeyPair> {
  const stored = await records.get(KEY)
  if (!stored) {
    const made = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
    await records.put(KEY, JSON.stringify(await crypto.subtle.exportKey('jwk', made.privateKey)), { value: null })
    return sharedKey(records)
  }
  const jwk = JSON.parse(stored.value) as JsonWebKey
  const { kty, crv, x, y } = jwk as Required<JsonWebKey>
  return {
    privateKey: await crypto.subtle.importKey('jwk', jwk, ALGORITHM, false, ['sign']),
    publicKey: await crypto.subtle.importKey('jwk', { kty, crv, x, y }, ALGORITHM, false, ['verify']),
  }
}

function encode(value: object): string {
  return new TextEncoder().encode(JSON.stringify(value)).toBase64({ alphabet: 'base64url', omitPadding: true })
}
