import { fail, utf8, type Call } from '#base'
import { hostCredentials, registryEndpoint, withAuth, withRedirects } from '#registry/client'
import type { RegistryRequest, Transport } from '#registry/client'
import { checkRegistry, type CheckReport, type CheckResult } from '#registry/server'
import type { Parts } from '../parts.ts'
import type { CheckRequest } from '../types.ts'

/** Checks a registry with this machine's logins and certificates for it. */
export async function check(
  parts: Parts,
  { url, repositories }: CheckRequest,
  onResult?: (result: CheckResult) => void,
  call?: Call,
): Promise<CheckReport> {
  const base = /^https?:\/\//.test(url) ? url : `http://${url}`
  if (!URL.canParse(base)) fail('invalid_argument', `not the address of a registry: ${url}`)
  const transport = await authorized(parts, new URL(base), call)
  const following = withRedirects(transport)
  const options = {
    ...(repositories ? { repositories } : {}),
    ...(onResult ? { onResult } : {}),
    fetch: (target: string, init: RequestInit) =>
      (init.redirect === 'follow' ? following : transport)(requestOf(target, init)),
  }
  return checkRegistry(base, options, call)
}

async function authorized(parts: Parts, { host: domain, origin, protocol }: URL, call?: Call): Promise<Transport> {
  const { host, config, connect } = await parts.registries()
  const plain = connect({ ...registryEndpoint(domain, config), host: domain, path: '' })
  const credentials = hostCredentials(host)
  return withAuth(plain, origin, {
    credential: () => credentials(domain, call),
    tokens: plain,
    allowHttpRealm: protocol === 'http:',
  })
}

function requestOf(url: string, { method = 'GET', headers, body }: RequestInit): RegistryRequest {
  return {
    url,
    method: method as RegistryRequest['method'],
    headers: Object.fromEntries(new Headers(headers)),
    ...(body ? { body: typeof body === 'string' ? utf8(body) : (body as Uint8Array) } : {}),
  }
}
