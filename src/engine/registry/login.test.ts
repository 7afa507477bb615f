import { describe, expect, test } from 'bun:test'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hostCredentials, login, logoutAll, openRepository, registryEndpoint } from '#registry/client'
import { tempDir } from '#testkit'
import { machineHost } from './host.ts'

const credential = { kind: 'basic', username: 'ann', password: 's3cret' } as const

/** A registry whose token server gives refresh tokens to those who ask for one; by GET, or by POST alone. */
function tokenServer(method: 'GET' | 'POST'): Disposable & { readonly host: string; readonly grants: string[] } {
  const grants: string[] = []
  const grant = async (request: Request, url: URL): Promise<Response> => {
    if (request.method === 'GET' && method === 'POST') return new Response(null, { status: 405 })
    const form = new URLSearchParams(request.method === 'GET' ? url.search : await request.text())
    const type = form.get('grant_type') ?? 'basic'
    grants.push(type)
    const asked = form.get('offline_token') === 'true' || form.get('access_type') === 'offline'
    const known = type === 'refresh_token' ? form.get('refresh_token') === 'long-lived' : true
    if (!known) return new Response(null, { status: 401 })
    return Response.json({ access_token: 'short', expires_in: 300, ...(asked ? { refresh_token: 'long-lived' } : {}) })
  }
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: (request) => {
      const url = new URL(request.url)
      if (url.pathname === '/token') return grant(request, url)
      if (request.headers.get('authorization') === 'Bearer short') return Response.json({ tags: ['v1'] })
      const challenge = `Bearer realm="${url.origin}/token",service="svc"`
      return new Response(null, { status: 401, headers: { 'www-authenticate': challenge } })
    },
  })
  return { host: `127.0.0.1:${server.port}`, grants, [Symbol.dispose]: () => void server.stop(true) }
}

describe('login', () => {
  for (const method of ['GET', 'POST'] as const)
    test(`keeps a refresh token instead of the password, had by ${method}`, async () => {
      using server = tokenServer(method)
      using home = tempDir()
      const host = machineHost({ HOME: home.path, PATH: '/nowhere' })
      const stored = await login(host, registryEndpoint(server.host), server.host, credential)
      expect(stored.warning).toContain('the login is stored unencrypted')
      const written = readFileSync(stored.path, 'utf8')
      expect(JSON.parse(written).auths[server.host]).toEqual({ auth: btoa('ann:'), identitytoken: 'long-lived' })
      expect(written).not.toContain(btoa('ann:s3cret'))
      server.grants.length = 0
      const repository = openRepository(`${server.host}/a/b`, { credentials: hostCredentials(host) })
      expect(await Array.fromAsync(repository.tags())).toEqual(['v1'])
      expect(server.grants).toEqual(['refresh_token'])
    })

  test('goes to the helper as a token, and out of everything when all are to go', async () => {
    using server = tokenServer('GET')
    using home = tempDir()
    mkdirSync(join(home.path, '.docker'))
    const config = { credsStore: 'toy', auths: { 'old.example': { auth: btoa('x:y') } }, other: 'kept' }
    writeFileSync(join(home.path, '.docker/config.json'), JSON.stringify(config))
    const script = `#!/bin/sh
case $1 in
  store) cat > '${home.path}/kept' ;;
  get) cat '${home.path}/kept' ;;
  list) [ -e '${home.path}/kept' ] && echo '{"${server.host}":"<token>"}' || echo '{}' ;;
  erase) rm '${home.path}/kept' ;;
esac
`
    writeFileSync(join(home.path, 'docker-credential-toy'), script, { mode: 0o755 })
    const host = machineHost({ HOME: home.path, PATH: `${home.path}:/usr/bin:/bin` })
    await login(host, registryEndpoint(server.host), server.host, credential)
    expect(JSON.parse(readFileSync(join(home.path, 'kept'), 'utf8'))).toMatchObject({
      Username: '<token>',
      Secret: 'long-lived',
    })
    expect(await hostCredentials(host)(server.host)).toEqual({ kind: 'identity', token: 'long-lived' })
    expect(await logoutAll(host)).toEqual([server.host, 'old.example'])
    const left = JSON.parse(readFileSync(join(home.path, '.docker/config.json'), 'utf8'))
    expect(left).toEqual({ credsStore: 'toy', auths: {}, other: 'kept' })
    expect(await logoutAll(host)).toEqual([])
  })
})
