import { collect, text } from '#base'
import type { ResolvedConfig } from '../configtypes.ts'
import { bodyLimits, bodyOf } from '../http/body.ts'
import type { BodyLimits } from '../http/body.ts'
import type { Route } from '../http/route.ts'
import { refuse } from '../http/refusal.ts'
import type { Action } from '../http/handler.ts'
import type { RecordStorage } from '../types.ts'
import { accessOf } from './access.ts'
import type { Access } from './access.ts'
import { accessByGrants, grantsOf, openTokenService } from './token.ts'
import { htpasswdUsers } from './users.ts'
import type { Users } from './users.ts'

/** Who is calling, and what they may do. */
export interface Caller {
  readonly user?: string
  readonly access: Access
}

/** Guards the door: tells who calls, says how to log in, gives out tokens. */
export interface Gate {
  /** The caller; UNAUTHORIZED when what they show is wrong. */
  identify(request: Request, url: URL): Promise<Caller>
  /** Throws unless the caller may do this: UNAUTHORIZED while logging in may help, else DENIED. */
  admit(caller: Caller, need: Need, url: URL): void
  /** GET or POST of a token; undefined where there is no token service. */
  token?(request: Request, url: URL): Promise<Response>
}

export interface Need {
  readonly route: Route
  readonly action?: Action | undefined
}

export const TOKEN_PATH = '/token'
const NO_USERS: Users = { verify: async () => false, mark: () => undefined }
const FORM_LIMIT = 64 * 1024
const ALL: Access = () => true

/** The gate that a configuration describes; without `auth` all may do all. */
export async function openGate(config: ResolvedConfig, records: RecordStorage): Promise<Gate> {
  const { auth } = config
  if (!auth) return { identify: async () => ({ access: ALL }), admit: () => undefined }
  const users: Users = auth.htpasswd ? htpasswdUsers(auth.htpasswd) : NO_USERS
  const identify = async (header: string | null): Promise<Caller> => {
    if (header === null || NOBODY.test(header)) return { access: accessOf(undefined, auth.rules) }
    const credentials = basicCredentials(header)
    if (!credentials || !(await users.verify(credentials.name, credentials.password)))
      return refuse('UNAUTHORIZED', 'wrong user name or password')
    return { user: credentials.name, access: accessOf(credentials.name, auth.rules) }
  }
  return auth.scheme === 'basic'
    ? basicGate(identify)
    : tokenGate(auth, records, { users, identify, limits: bodyLimits(config) })
}

/** An empty name with an empty password: what podman and skopeo send when they have none. */
const NOBODY = /^basic +Og==$/i

type Identify = (header: string | null) => Promise<Caller>

const BASIC_CHALLENGE = { 'www-authenticate': 'Basic realm="cairn registry", charset="UTF-8"' }

function basicGate(identify: Identify): Gate {
  return {
    identify: async (request) => {
      try {
        return await identify(request.headers.get('authorization'))
      } catch {
        return refuse('UNAUTHORIZED', 'wrong user name or password', { headers: BASIC_CHALLENGE })
      }
    },
    admit: (caller, need) => checkAccess(caller, need, BASIC_CHALLENGE),
  }
}

async function tokenGate(
  auth: NonNullable<ResolvedConfig['auth']>,
  records: RecordStorage,
  { users, identify, limits }: { readonly users: Users; readonly identify: Identify; readonly limits: BodyLimits },
): Promise<Gate> {
  const tokens = await openTokenService(records)
  const refreshSeconds = auth.refreshDays * 86_400
  const callerOf = async ({ grant }: TokenRequest, service: string): Promise<Caller> => {
    if (grant.kind === 'login') return identify(grant.authorization)
    const claims = await tokens.readRefresh(grant.token, service)
    // Who has another password by now, or is gone, has to log in again.
    if (refreshSeconds === 0 || !claims || claims.mark !== users.mark(claims.sub))
      return refuse('UNAUTHORIZED', 'the refresh token is not valid (any more): log in again')
    return { user: claims.sub, access: accessOf(claims.sub, auth.rules) }
  }
  const refreshOf = async ({ user }: Caller, aud: string): Promise<string | undefined> => {
    const mark = user === undefined ? undefined : users.mark(user)
    if (user === undefined || mark === undefined || refreshSeconds === 0) return undefined
    return tokens.issueRefresh({ sub: user, aud, mark }, refreshSeconds)
  }
  const challenge = (url: URL, need?: Need): Record<string, string> => {
    const scope = need ? scopeOf(need) : undefined
    const realm = auth.realm ?? `${url.origin}${TOKEN_PATH}`
    const asked = scope ? `,scope="${scope}"` : ''
    return { 'www-authenticate': `Bearer realm="${realm}",service="${url.host}"${asked}` }
  }
  return {
    identify: async (request, url) => {
      const header = request.headers.get('authorization')
      const bearer = /^bearer +(.+)$/i.exec(header ?? '')
      // Rules for callers that have not logged in hold without a token too.
      if (!bearer) return identify(header)
      const claims = await tokens.read(bearer[1]!, url.host)
      if (!claims) return refuse('UNAUTHORIZED', 'the token is not valid (any more)', { headers: challenge(url) })
      return { access: accessByGrants(claims.access), ...(claims.sub === '' ? {} : { user: claims.sub }) }
    },
    admit: (caller, need, url) => checkAccess(caller, need, challenge(url, need), true),
    token: async (request, url) => {
      const wanted = await tokenRequest(request, url, limits)
      const aud = wanted.service || url.host
      const caller = await callerOf(wanted, aud)
      const access = grantsOf(wanted.scopes, caller.access)
      const token = await tokens.issue({ sub: caller.user ?? '', aud, access }, auth.tokenSeconds)
      const refresh = wanted.offline ? await refreshOf(caller, aud) : undefined
      const body = {
        token,
        access_token: token,
        scope: access.map(({ type, name, actions }) => `${type}:${name}:${actions.join(',')}`).join(' '),
        expires_in: auth.tokenSeconds,
        issued_at: new Date().toISOString(),
        ...(refresh === undefined ? {} : { refresh_token: refresh }),
      }
      return Response.json(body, { headers: { 'cache-control': 'no-store' } })
    },
  }
}

/** A token that lacks something is answered 401 with the scope it lacks, so that the client fetches another. */
function checkAccess(caller: Caller, { route, action }: Need, challenge: Record<string, string>, scoped = false): void {
  const headers = challenge
  if (action === undefined || !('name' in route)) {
    // `docker login` asks the base: it must learn that a password is wanted, unless all may come.
    if (caller.user === undefined && !caller.access('pull', 'anything'))
      refuse('UNAUTHORIZED', 'log in first', { headers })
    return
  }
  if (caller.access(action, route.name)) return
  if (caller.user === undefined) refuse('UNAUTHORIZED', `${action} of ${route.name} needs a login`, { headers })
  if (scoped)
    refuse('UNAUTHORIZED', `the token of ${caller.user} does not allow ${action} of ${route.name}`, { headers })
  refuse('DENIED', `${caller.user} may not ${action} ${route.name}`)
}

function scopeOf({ route, action }: Need): string | undefined {
  if (route.kind === 'catalog') return 'registry:catalog:*'
  if (!('name' in route) || action === undefined) return undefined
  return `repository:${route.name}:${action === 'push' ? 'pull,push' : action}`
}

interface TokenRequest {
  readonly grant: { readonly kind: 'login'; readonly authorization: string | null } | Refresh
  readonly service: string
  readonly scopes: readonly string[]
  /** Whether a refresh token is wanted, too. */
  readonly offline: boolean
}

interface Refresh {
  readonly kind: 'refresh'
  readonly token: string
}

/** Docker's token specification: GET with basic credentials, or an OAuth2 form with a password or a refresh token. */
async function tokenRequest(request: Request, url: URL, limits: BodyLimits): Promise<TokenRequest> {
  const split = (scopes: readonly string[]): readonly string[] => scopes.flatMap((s) => s.split(' ')).slice(0, 100)
  if (request.method !== 'POST') {
    const query = url.searchParams
    const grant = { kind: 'login', authorization: request.headers.get('authorization') } as const
    const offline = query.get('offline_token') === 'true'
    return { grant, service: query.get('service') ?? '', scopes: split(query.getAll('scope')), offline }
  }
  // Some clients send the form in chunks, without its length.
  const form = new URLSearchParams(text(await collect(bodyOf(request, limits, FORM_LIMIT), FORM_LIMIT)))
  return {
    grant: grantOf(form),
    service: form.get('service') ?? '',
    scopes: split(form.getAll('scope')),
    offline: form.get('access_type') === 'offline',
  }
}

function grantOf(form: URLSearchParams): TokenRequest['grant'] {
  switch (form.get('grant_type')) {
    case 'refresh_token':
      return { kind: 'refresh', token: form.get('refresh_token') ?? '' }
    case 'password': {
      const login = `${form.get('username') ?? ''}:${form.get('password') ?? ''}`
      return { kind: 'login', authorization: `Basic ${new TextEncoder().encode(login).toBase64()}` }
    }
    default:
      return refuse('UNSUPPORTED', 'grant_type has to be password or refresh_token', { status: 400 })
  }
}

/** RFC 7617. */
function basicCredentials(header: string): { readonly name: string; readonly password: string } | undefined {
  const match = /^basic +([A-Za-z0-9+/=]+)$/i.exec(header)
  if (!match) return undefined
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.fromBase64(match[1]!))
    const colon = text.indexOf(':')
    return colon < 1 ? undefined : { name: text.slice(0, colon), password: text.slice(colon + 1) }
  } catch {
    return undefined
  }
}
