import { fail } from '#base'
import type { RegistryRequest, Transport } from '../types.ts'
import { discard } from './body.ts'
import { redactUrl } from './redact.ts'

/** Hops of one request; CDNs need one or two. */
const HOPS_LIMIT = 10

/** What another host may see of a request. Everything else, credentials above all, stays at home. */
const CARRIED = new Set(['accept', 'range', 'if-none-match', 'user-agent'])

const REDIRECTS = new Set([301, 302, 303, 307, 308])

/** Where a redirect may lead. */
export interface RedirectOptions {
  /** Hosts that may be spoken to without TLS after a TLS request. Default none. */
  readonly allowDowngrade?: (url: URL) => boolean
}

/**
 * Follows redirects as a registry's client may: credentials and unknown headers never reach another
 * origin, TLS is never given up, loops end, and a body is sent on only by 307 and 308.
 */
export function withRedirects(next: Transport, options: RedirectOptions = {}): Transport {
  return async (request) => {
    const seen = new Set<string>([request.url])
    let current = request
    for (let hops = 0; ; hops++) {
      const answer = await next(current)
      const location = answer.headers.get('location')
      if (!REDIRECTS.has(answer.status) || location === null)
        return hops === 0 ? answer : atHome(request, current, answer)
      await discard(answer)
      const url = target(current, location, options)
      if (hops >= HOPS_LIMIT || seen.has(url.href))
        fail('unavailable', `${redactUrl(request.url)} redirects ${seen.has(url.href) ? 'in a circle' : 'without end'}`)
      seen.add(url.href)
      current = following(current, answer.status, url)
    }
  }
}

function target(request: RegistryRequest, location: string, options: RedirectOptions): URL {
  const from = new URL(request.url)
  let url: URL
  try {
    url = new URL(location, from)
  } catch {
    return fail('unavailable', `${redactUrl(request.url)} redirects to something that is no URL`)
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    fail('permission_denied', `${redactUrl(request.url)} redirects to ${url.protocol}, not to a web address`)
  if (from.protocol === 'https:' && url.protocol === 'http:' && !options.allowDowngrade?.(url))
    fail('permission_denied', `${redactUrl(request.url)} redirects from HTTPS to plain HTTP at ${url.host}`, {
      hint: 'name the registry as insecure if that is meant',
    })
  // Userinfo in a Location would be sent as credentials that nobody gave.
  url.username = ''
  url.password = ''
  url.hash = ''
  return url
}

function following(request: RegistryRequest, status: number, url: URL): RegistryRequest {
  const safe = request.method === 'GET' || request.method === 'HEAD'
  const keepsBody = status === 307 || status === 308
  if (!safe && !keepsBody)
    fail(
      'unavailable',
      `${request.method} ${redactUrl(request.url)} is redirected with ${status}, which loses the request`,
    )
  if (request.body !== undefined && !(request.body instanceof Uint8Array))
    fail('unavailable', `${request.method} ${redactUrl(request.url)} is redirected while its body is under way`)
  if (url.origin === new URL(request.url).origin) return { ...request, url: url.href }
  const headers = Object.entries(request.headers ?? {}).filter(([name]) => CARRIED.has(name.toLowerCase()))
  return { ...request, url: url.href, headers: Object.fromEntries(headers), scope: [] }
}

/** A stranger's 401 must not look like the registry's: its challenge would be answered with the user's secret. */
async function atHome(request: RegistryRequest, last: RegistryRequest, answer: Response): Promise<Response> {
  if (answer.status !== 401 || new URL(last.url).origin === new URL(request.url).origin) return answer
  await discard(answer)
  return fail(
    'permission_denied',
    `${redactUrl(request.url)} redirects to ${new URL(last.url).host}, which refuses to answer`,
  )
}
