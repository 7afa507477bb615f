import { readFileSync } from 'node:fs'
import { CairnError, fail, messageOf, reasonOf } from '#base'
import type { Call } from '#base'
import { openGate, TOKEN_PATH } from './auth/authenticate.ts'
import type { Gate } from './auth/authenticate.ts'
import { resolveConfig } from './config.ts'
import type { RegistryConfig, ResolvedConfig } from './configtypes.ts'
import { drain } from './http/body.ts'
import { answerOf } from './http/handler.ts'
import { asRefusal, refusalResponse, refuse } from './http/refusal.ts'
import { routeOf } from './http/route.ts'
import type { Exchange, Service } from './http/service.ts'
import { createMetrics } from './metrics.ts'
import type { Metrics } from './metrics.ts'
import { composeService } from './service.ts'
import type { Composed, KeptRegistry } from './service.ts'
import type { Repositories } from './repositories.ts'
import type { RegistryStorage } from './types.ts'

export interface ServeRegistryOptions {
  /** Checked and completed here: pass what the user wrote. */
  readonly config: RegistryConfig
  /** Where everything is kept. The server closes it when it stops. */
  readonly storage: RegistryStorage
  /** Repositories that are kept elsewhere than in the storage's records: an engine's images. */
  readonly repositories?: Repositories
  /** Listens on this Unix socket, and nowhere else. */
  readonly socket?: string
}

/** A registry that answers. */
export interface RunningRegistry {
  /** `http://127.0.0.1:5000`, without a slash at the end. */
  readonly url: string
  readonly port: number
  /** Removes what is unused and what retention no longer keeps; returns what went. */
  collect(call?: Call): Promise<Collected>
  /** Takes no more connections, lets requests under way end for at most `graceMs` (10 s), then closes all. */
  stop(graceMs?: number): Promise<void>
}

export interface Collected {
  readonly tags: number
  readonly manifests: number
  readonly links: number
  readonly blobs: number
  readonly bytes: number
  readonly uploads: number
}

/**
 * Serves the OCI distribution-spec 1.1. Resolves when it listens; `call.signal` stops it.
 * `invalid_argument` for a configuration that makes no sense, `unavailable` when it cannot listen.
 */
export async function serveRegistry(options: ServeRegistryOptions, call?: Call): Promise<RunningRegistry> {
  const config = resolveConfig(options.config)
  // A wrong bucket or a directory of somebody else's is better known now than by the first push.
  if (!config.readOnly) await options.storage.check()
  const metrics = createMetrics()
  const gate = await openGate(config, options.storage.records)
  const composed = await composeService(config, options, metrics)
  const state: State = { config, gate, metrics, composed, service: composed.service, active: 0, draining: false }
  const { socket } = options
  const server = listen(state, socket)
  const timer = composed.startUpkeep()
  const port = socket === undefined ? (server.port ?? fail('internal', 'the server has no port')) : 0
  let stopping: Promise<void> | undefined
  const stop = (graceMs = 10_000): Promise<void> =>
    (stopping ??= (async () => {
      state.draining = true
      timer[Symbol.dispose]()
      await drained(server, graceMs)
      await composed.close()
      await options.storage[Symbol.asyncDispose]()
    })())
  call?.signal?.addEventListener('abort', () => void stop(), { once: true })
  const host = socket !== undefined ? 'localhost' : config.host.includes(':') ? `[${config.host}]` : config.host
  return { url: `${config.tls ? 'https' : 'http'}://${host}:${port}`, port, collect: (c) => composed.collect(c), stop }
}

/** What a server does from time to time, done once and without one; safe beside servers over the same storage. */
export async function collectOnce(
  { config, ...kept }: KeptRegistry & { readonly config: RegistryConfig },
  call?: Call,
): Promise<Collected> {
  const composed = await composeService(resolveConfig(config), kept, createMetrics())
  try {
    return await composed.collect(call)
  } finally {
    await composed.close()
  }
}

interface State {
  readonly config: ResolvedConfig
  readonly gate: Gate
  readonly metrics: Metrics
  readonly composed: Composed
  readonly service: Service
  active: number
  draining: boolean
}

type Server = Bun.Server<undefined>

function listen(state: State, socket?: string): Server {
  const { host, port, tls, limits } = state.config
  try {
    const options = {
      // 1 << 50 would be 2^18.
      maxRequestBodySize: 2 ** 50,
      idleTimeout: limits.idleSeconds,
      development: false,
      reusePort: false,
      ...(tls ? { tls: tlsOptions(tls) } : {}),
      fetch: (request: Request, server: Server) => answer(state, request, server),
      error: (error: unknown) => refusalResponse(asRefusal(error)),
    }
    // The types know no idle timeout of a Unix socket; Bun does.
    const where = socket === undefined ? { hostname: host, port } : ({ unix: socket } as object)
    return Bun.serve({ ...where, ...options })
  } catch (cause) {
    if (cause instanceof CairnError) throw cause
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    const why =
      code === 'EADDRINUSE' ? 'the port is taken' : code === 'EINVAL' ? 'no address of this machine' : messageOf(cause)
    return fail('unavailable', `cannot listen on ${socket ?? `${host}:${port}`}: ${why}`, { cause })
  }
}

function tlsOptions(tls: NonNullable<ResolvedConfig['tls']>): Bun.TLSOptions {
  const client = tls.clientCa ? { ca: pem(tls.clientCa), requestCert: true, rejectUnauthorized: true } : {}
  return { cert: pem(tls.cert), key: pem(tls.key), ...client }
}

function pem(path: string): string {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    return fail('not_found', `cannot read ${path}: ${reasonOf(error)}`)
  }
  return text.includes('-----BEGIN ') ? text : fail('invalid_argument', `${path} is not PEM`)
}

async function answer(state: State, request: Request, server: Server): Promise<Response> {
  const started = performance.now()
  const seen: Seen = { kind: 'other' }
  state.active++
  let response: Response
  try {
    if (state.active > state.config.limits.requests)
      refuse('TOOMANYREQUESTS', 'too many requests at once', { headers: { 'retry-after': '1' } })
    response = await respond(state, request, server, seen)
  } catch (error) {
    const refusal = asRefusal(error)
    if (refusal.status >= 500) seen.error = error
    if (refusal.status !== 401) await drain(request, state.service.bodyLimits)
    response = refusalResponse(refusal)
  } finally {
    state.active--
  }
  response.headers.set('docker-distribution-api-version', 'registry/2.0')
  response.headers.set('x-content-type-options', 'nosniff')
  if (state.draining) response.headers.set('connection', 'close')
  const ms = performance.now() - started
  state.metrics.answered(seen.kind, request.method, response.status, ms / 1000)
  if (state.config.log === 'json') logLine(request, server, response, seen, ms)
  return response
}

/** The address that was asked; a probe by HTTP/1.0 names no host. */
function urlOf({ url }: Request): URL | undefined {
  return URL.parse(url, 'http://localhost') ?? undefined
}

/** What came to light about a request while it was answered. */
interface Seen {
  kind: string
  user?: string
  error?: unknown
}

async function respond(state: State, request: Request, server: Server, seen: Seen): Promise<Response> {
  const url = urlOf(request) ?? refuse('UNSUPPORTED', 'ill-formed Host or path', { status: 400 })
  const own = await ownPage(state, request, url, seen)
  if (own) return own
  const route = routeOf(url.pathname) ?? refuse('UNSUPPORTED', 'there is nothing at this path', { status: 404 })
  seen.kind = route.kind
  const { handler, action } = answerOf(route, request.method)
  const caller = await state.gate.identify(request, url)
  if (caller.user !== undefined) seen.user = caller.user
  state.gate.admit(caller, { route, action }, url)
  checkMode(state.config, action)
  if (action === 'push' && 'name' in route && state.service.cached(route.name))
    refuse('UNSUPPORTED', `${route.name} is a cache of another registry: push there`)
  const exchange: Exchange = {
    request,
    url,
    ...(caller.user === undefined ? {} : { user: caller.user }),
    call: { signal: request.signal },
    may: caller.access,
    patiently: async (work) => {
      server.timeout(request, 0)
      try {
        return await work()
      } finally {
        server.timeout(request, state.config.limits.idleSeconds)
      }
    },
  }
  return handler(state.service, exchange)
}

function checkMode({ readOnly, deletes }: ResolvedConfig, action: string | undefined): void {
  if (readOnly && (action === 'push' || action === 'delete')) refuse('UNSUPPORTED', 'this registry is read-only')
  if (!deletes && action === 'delete') refuse('UNSUPPORTED', 'this registry deletes nothing')
}

/** Health, metrics and tokens: pages beside the specification's. */
async function ownPage(state: State, request: Request, url: URL, seen: Seen): Promise<Response | undefined> {
  const { pathname } = url
  if (pathname.startsWith('/v2')) return undefined
  if (pathname === TOKEN_PATH && state.gate.token && ['GET', 'POST'].includes(request.method)) {
    seen.kind = 'token'
    return state.gate.token(request, url)
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') return undefined
  seen.kind = 'health'
  switch (pathname) {
    case '/healthz':
      return new Response('ok\n')
    case '/readyz':
      return readiness(state)
    case '/metrics':
      return new Response(
        state.metrics.text({
          cairn_registry_requests_active: state.active,
          process_resident_memory_bytes: process.memoryUsage.rss(),
        }),
        { headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' } },
      )
    default:
      seen.kind = 'other'
      return undefined
  }
}

async function readiness(state: State): Promise<Response> {
  if (state.draining) return new Response('stopping\n', { status: 503 })
  try {
    await state.service.storage.check()
    return new Response('ok\n')
  } catch {
    return new Response('the storage does not take writes\n', { status: 503 })
  }
}

/** One JSON object per line. Of a URL only the path: queries may hold secrets. */
function logLine(request: Request, server: Server, response: Response, seen: Seen, ms: number): void {
  const line = {
    time: new Date().toISOString(),
    remote: server.requestIP(request)?.address,
    ...(seen.user === undefined ? {} : { user: seen.user }),
    method: request.method,
    path: urlOf(request)?.pathname,
    status: response.status,
    bytes: Number(response.headers.get('content-length') ?? 0),
    ms: Math.round(ms * 10) / 10,
    agent: request.headers.get('user-agent')?.slice(0, 200),
    ...(seen.error === undefined ? {} : { error: messageOf(seen.error) }),
  }
  process.stderr.write(`${JSON.stringify(line)}\n`)
}

/** How often it is looked whether requests are still worked on, while the server stops. */
const LOOK_MS = 10

/** Listens no more; resolves when no request is worked on or sent, at the latest after the grace. */
async function drained(server: Server, graceMs: number): Promise<void> {
  const until = performance.now() + graceMs
  void server.stop(false)
  while (server.pendingRequests > 0 && performance.now() < until) await Bun.sleep(LOOK_MS)
  await server.stop(true)
}
