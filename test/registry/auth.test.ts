import { describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RegistryConfig } from '#registry/server'
import { lacking, must, run, skipReason, tempDir } from '#testkit'
import { makeImage, pullImage, pushImage } from './images.ts'
import { startRegistry } from './server.ts'

const hash = (password: string): Promise<string> => Bun.password.hash(password, { algorithm: 'bcrypt', cost: 4 })
const basic = (user: string, password: string): Record<string, string> => ({
  authorization: `Basic ${btoa(`${user}:${password}`)}`,
})

async function passwords(dir: string): Promise<string> {
  const file = join(dir, 'htpasswd')
  // htpasswd -B writes $2y$.
  writeFileSync(file, `alice:${(await hash('wonder')).replace('$2b$', '$2y$')}\nbob:${await hash('builder')}\n`)
  return file
}

const RULES: NonNullable<RegistryConfig['auth']>['rules'] = [
  { repositories: ['public/**'], users: ['anonymous'], allow: ['pull'] },
  { repositories: ['**'], users: ['alice'], allow: ['pull', 'push', 'delete'] },
  { repositories: ['team/*'], users: ['bob'], allow: ['pull', 'push'] },
]

/** A token as docker fetches one: from the challenge of a refused request. */
async function tokenFor(url: string, path: string, method: string, login: Record<string, string>): Promise<string> {
  const refused = await fetch(`${url}${path}`, { method })
  expect(refused.status).toBe(401)
  const challenge = refused.headers.get('www-authenticate') ?? ''
  const part = (name: string): string => new RegExp(`${name}="([^"]*)"`).exec(challenge)?.[1] ?? ''
  const realm = new URL(part('realm'))
  realm.searchParams.set('service', part('service'))
  realm.searchParams.set('scope', part('scope'))
  const given = await fetch(realm, { headers: login })
  expect(given.status).toBe(200)
  return ((await given.json()) as { token: string }).token
}

describe('basic', () => {
  test('rules by user and repository', async () => {
    using dir = tempDir()
    await using registry = await startRegistry({ auth: { htpasswd: await passwords(dir.path), rules: RULES } })
    const { url } = registry
    const [alice, bob] = [basic('alice', 'wonder'), basic('bob', 'builder')]
    const image = await makeImage('one')
    const base = await fetch(`${url}/v2/`)
    expect([base.status, base.headers.get('www-authenticate')]).toEqual([401, expect.stringContaining('Basic realm=')])
    expect((await fetch(`${url}/v2/`, { headers: alice })).status).toBe(200)
    expect((await fetch(`${url}/v2/`, { headers: basic('alice', 'wrong') })).status).toBe(401)
    expect((await fetch(`${url}/v2/`, { headers: basic('nobody', 'wonder') })).status).toBe(401)
    expect(await pushImage(url, 'public/app', 'v1', image, alice)).toBe(201)
    expect(await pushImage(url, 'public/app', 'v1', image, bob)).toBe(403)
    expect(await pushImage(url, 'public/app', 'v1', image)).toBe(401)
    expect(await pullImage(url, 'public/app', 'v1')).toBe(true)
    expect(await pushImage(url, 'team/app', 'v1', image, bob)).toBe(201)
    expect(await pushImage(url, 'team/app/deep', 'v1', image, bob)).toBe(403)
    expect(await pullImage(url, 'team/app', 'v1')).toBe(false)
    const gone = { method: 'DELETE', headers: bob }
    expect((await fetch(`${url}/v2/team/app/manifests/v1`, gone)).status).toBe(403)
    expect((await fetch(`${url}/v2/team/app/manifests/v1`, { ...gone, headers: alice })).status).toBe(202)
    const seen = (await (await fetch(`${url}/v2/_catalog`, { headers: bob })).json()) as { repositories: string[] }
    expect(seen.repositories).toEqual(['public/app', 'team/app'])
  })

  test('a mount takes nothing from a repository that the caller may not pull', async () => {
    using dir = tempDir()
    await using registry = await startRegistry({ auth: { htpasswd: await passwords(dir.path), rules: RULES } })
    const { url } = registry
    const image = await makeImage('secret')
    expect(await pushImage(url, 'private/app', 'v1', image, basic('alice', 'wonder'))).toBe(201)
    for (const from of ['&from=private/app', ''])
      expect(
        (
          await fetch(`${url}/v2/team/app/blobs/uploads/?mount=${image.blobs[0]!.digest}${from}`, {
            method: 'POST',
            headers: basic('bob', 'builder'),
          })
        ).status,
      ).toBe(202)
  })

  test('a changed password file counts at once', async () => {
    using dir = tempDir()
    const file = await passwords(dir.path)
    await using registry = await startRegistry({ auth: { htpasswd: file } })
    const alice = basic('alice', 'wonder')
    expect((await fetch(`${registry.url}/v2/`, { headers: alice })).status).toBe(200)
    writeFileSync(file, `alice:${await hash('another password')}\n`)
    expect((await fetch(`${registry.url}/v2/`, { headers: alice })).status).toBe(401)
  })

  test('a password file of another kind is refused at the start, with its line', async () => {
    using dir = tempDir()
    const file = join(dir.path, 'htpasswd')
    writeFileSync(file, '# users\nalice:$apr1$x$y\n')
    const refused = startRegistry({ auth: { htpasswd: file } })
    expect(refused).rejects.toThrow('line 2 is not "name:bcrypt-hash"')
  })
})

describe('token', () => {
  test('is asked for, given with what the user may, and holds for that alone', async () => {
    using dir = tempDir()
    const auth = { htpasswd: await passwords(dir.path), scheme: 'token', rules: RULES } as const
    await using registry = await startRegistry({ auth })
    const { url } = registry
    const image = await makeImage('one')
    const path = '/v2/team/app/blobs/uploads/'
    const token = await tokenFor(url, path, 'POST', basic('bob', 'builder'))
    const bearer = { authorization: `Bearer ${token}` }
    expect(await pushImage(url, 'team/app', 'v1', image, bearer)).toBe(201)
    expect(await pullImage(url, 'team/app', 'v1', bearer)).toBe(true)
    expect(await pullImage(url, 'team/other', 'v1', bearer)).toBe(false)
    const gone = await fetch(`${url}/v2/team/app/manifests/v1`, { method: 'DELETE', headers: bearer })
    expect(gone.status).toBe(401)
    expect(gone.headers.get('www-authenticate')).toContain('scope="repository:team/app:delete"')
    // Bob may not delete: a token for it allows nothing.
    const vain = await tokenFor(url, '/v2/team/app/manifests/v1', 'DELETE', basic('bob', 'builder'))
    const still = await fetch(`${url}/v2/team/app/manifests/v1`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${vain}` },
    })
    expect(still.status).toBe(401)
  })

  test('a forged, stripped or foreign one is refused', async () => {
    using dir = tempDir()
    const auth = { htpasswd: await passwords(dir.path), scheme: 'token', rules: RULES } as const
    await using registry = await startRegistry({ auth })
    await using other = await startRegistry({ auth })
    const login = basic('alice', 'wonder')
    const path = '/v2/private/app/tags/list'
    const [head, payload, signature] = (await tokenFor(registry.url, path, 'GET', login)).split('.')
    const none = btoa('{"alg":"none","typ":"JWT"}').replaceAll('=', '')
    const claims = JSON.parse(atob(payload!.replaceAll('-', '+').replaceAll('_', '/')))
    const more = btoa(JSON.stringify({ ...claims, sub: 'root' })).replaceAll('=', '')
    const foreign = await tokenFor(other.url, path, 'GET', login)
    for (const token of [
      `${none}.${payload}.`,
      `${head}.${more}.${signature}`,
      `${head}.${payload}`,
      foreign,
      'x',
      'a.b.c',
    ])
      expect((await fetch(`${registry.url}${path}`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(
        401,
      )
    const good = { authorization: `Bearer ${head}.${payload}.${signature}` }
    expect((await fetch(`${registry.url}${path}`, { headers: good })).status).toBe(404)
  })

  test('an OAuth2 form with a password', async () => {
    using dir = tempDir()
    await using registry = await startRegistry({ auth: { htpasswd: await passwords(dir.path), scheme: 'token' } })
    const ask = (password: string): Promise<Response> =>
      fetch(`${registry.url}/token`, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'password',
          username: 'alice',
          password,
          service: registry.host,
          scope: 'repository:a/b:pull,push',
        }),
      })
    expect((await ask('wrong')).status).toBe(401)
    const { access_token } = (await (await ask('wonder')).json()) as { access_token: string }
    const headers = { authorization: `Bearer ${access_token}` }
    expect(await pushImage(registry.url, 'a/b', 'v1', await makeImage('x'), headers)).toBe(201)
  })
})

describe('refresh tokens', () => {
  interface Answer {
    readonly access_token?: string
    readonly refresh_token?: string
    readonly scope?: string
  }
  const ask = async (url: string, form: Record<string, string>): Promise<[number, Answer]> => {
    const answer = await fetch(`${url}/token`, { method: 'POST', body: new URLSearchParams(form) })
    return [answer.status, (await answer.json()) as Answer]
  }
  const password = { grant_type: 'password', username: 'bob', password: 'builder' }
  const SCOPE = 'repository:team/app:pull,push,delete'
  const withTokens = async (dir: string, more: object = {}): Promise<ReturnType<typeof startRegistry>> =>
    startRegistry({ auth: { htpasswd: await passwords(dir), scheme: 'token', rules: RULES, ...more } })

  test('come where they are asked for, and stand for the password', async () => {
    using dir = tempDir()
    await using registry = await withTokens(dir.path)
    const { url, host } = registry
    expect((await ask(url, { ...password, service: host }))[1].refresh_token).toBeUndefined()
    const [, given] = await ask(url, { ...password, service: host, access_type: 'offline' })
    const got = await fetch(`${url}/token?service=${host}&offline_token=true`, { headers: basic('bob', 'builder') })
    const anonymous = await fetch(`${url}/token?service=${host}&offline_token=true`)
    expect(((await anonymous.json()) as Answer).refresh_token).toBeUndefined()
    for (const refresh_token of [given.refresh_token!, ((await got.json()) as Answer).refresh_token!]) {
      const form = { grant_type: 'refresh_token', refresh_token, service: host, scope: SCOPE }
      const [status, answer] = await ask(url, form)
      expect([status, answer.scope]).toEqual([200, 'repository:team/app:pull,push'])
      const bearer = { authorization: `Bearer ${answer.access_token}` }
      expect(await pushImage(url, 'team/app', 'v1', await makeImage('refreshed'), bearer)).toBe(201)
    }
  })

  test('are of no use elsewhere: at the registry, for another service, in the place of each other', async () => {
    using dir = tempDir()
    await using registry = await withTokens(dir.path)
    await using other = await withTokens(dir.path)
    const { url, host } = registry
    const [, given] = await ask(url, { ...password, service: host, access_type: 'offline', scope: SCOPE })
    const refresh_token = given.refresh_token!
    const refused = async (token: string, service = host, at = url): Promise<number> =>
      (await ask(at, { grant_type: 'refresh_token', refresh_token: token, service, scope: SCOPE }))[0]
    expect(await refused(refresh_token)).toBe(200)
    expect(await refused(refresh_token, 'registry.example')).toBe(401)
    expect(await refused(refresh_token, other.host, other.url)).toBe(401)
    expect(await refused(refresh_token, host, other.url)).toBe(401)
    expect(await refused(given.access_token!)).toBe(401)
    const [head, payload, signature] = refresh_token.split('.')
    const claims = JSON.parse(atob(payload!.replaceAll('-', '+').replaceAll('_', '/')))
    const alice = btoa(JSON.stringify({ ...claims, sub: 'alice' })).replaceAll('=', '')
    for (const token of [`${head}.${alice}.${signature}`, `${head}.${payload}`, '', 'x'])
      expect(await refused(token)).toBe(401)
    expect(JSON.stringify(claims)).not.toContain('$2')
    const tags = await fetch(`${url}/v2/team/app/tags/list`, { headers: { authorization: `Bearer ${refresh_token}` } })
    expect(tags.status).toBe(401)
    expect((await ask(url, { grant_type: 'client_credentials' }))[0]).toBe(400)
    expect((await ask(url, { ...password, username: 'x'.repeat(70_000) }))[0]).toBe(413)
  })

  test('end with the password, with the user, and where there shall be none', async () => {
    using dir = tempDir()
    await using registry = await withTokens(dir.path)
    const { url, host } = registry
    const offline = { ...password, service: host, access_type: 'offline' }
    const [, { refresh_token = '' }] = await ask(url, offline)
    const form = { grant_type: 'refresh_token', refresh_token, service: host, scope: SCOPE }
    const file = join(dir.path, 'htpasswd')
    const before = await Bun.file(file).text()
    expect((await ask(url, form))[0]).toBe(200)
    writeFileSync(file, `bob:${await hash('another')}\n`)
    expect((await ask(url, form))[0]).toBe(401)
    writeFileSync(file, `alice:${await hash('wonder')}\n`)
    expect((await ask(url, form))[0]).toBe(401)
    writeFileSync(file, before)
    expect((await ask(url, form))[0]).toBe(200)
    // Servers over one storage share the key: what one gave, another that gives none refuses.
    const auth = { htpasswd: file, scheme: 'token', rules: RULES, refreshDays: 0 } as const
    await using without = await startRegistry({ auth }, { root: registry.root })
    expect((await ask(without.url, offline))[1].refresh_token).toBeUndefined()
    expect((await ask(without.url, form))[0]).toBe(401)
  })
})

const TLS = 'TLS, and client certificates'
const skip = skipReason(TLS, lacking('openssl', 'curl'))

test.skipIf(skip)(TLS, async () => {
  using dir = tempDir()
  const file = (name: string): string => join(dir.path, name)
  const openssl = (...args: string[]): Promise<string> => must(['openssl', ...args], { cwd: dir.path })
  const leaf = async (name: string, extra: string): Promise<void> => {
    writeFileSync(file(`${name}.ext`), extra)
    await openssl(
      'req',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      `${name}.key`,
      '-subj',
      `/CN=${name}`,
      '-out',
      `${name}.csr`,
    )
    await openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'ca.crt',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-out',
      `${name}.crt`,
      '-days',
      '2',
      '-extfile',
      `${name}.ext`,
    )
  }
  await openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'ca.key',
    '-subj',
    '/CN=test ca',
    '-out',
    'ca.crt',
    '-days',
    '2',
  )
  await leaf('server', 'subjectAltName=IP:127.0.0.1')
  await leaf('client', 'extendedKeyUsage=clientAuth')
  const pair = { cert: file('server.crt'), key: file('server.key') }
  const get = async (url: string, ...args: string[]): Promise<string> =>
    (await run(['curl', '-s', '--cacert', file('ca.crt'), '-o', '/dev/null', '-w', '%{http_code}', ...args, url]))
      .stdout
  await using plain = await startRegistry({ tls: pair })
  expect(plain.url).toStartWith('https://127.0.0.1:')
  expect(await get(`${plain.url}/v2/`)).toBe('200')
  await using mutual = await startRegistry({ tls: { ...pair, clientCa: file('ca.crt') } })
  expect(await get(`${mutual.url}/v2/`)).toBe('000')
  expect(await get(`${mutual.url}/v2/`, '--cert', file('client.crt'), '--key', file('client.key'))).toBe('200')
})
