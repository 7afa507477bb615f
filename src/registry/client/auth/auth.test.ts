import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { streamOf, utf8 } from '#base'
import { blobOf, failure, patterned } from '#testkit'
import fc from 'fast-check'
import { openRegistryClient, openRepository } from '../client.ts'
import type { Credential } from '../types.ts'
import { parseChallenges } from './challenge.ts'
import { bestKey, editAuthFile, parseAuthFile, serverKey } from './dockerconfig.ts'
import { helperGet, helperStore } from './helper.ts'
import { mergeScopes } from './scope.ts'

describe('challenges', () => {
  test('one, several, in every form', () => {
    const read = (h: string): unknown => parseChallenges(h).map((c) => [c.scheme, { ...c.parameters }])
    expect(read('Bearer realm="https://a/t?x=1,2",service="s",scope="repository:a/b:pull,push"')).toEqual([
      ['bearer', { realm: 'https://a/t?x=1,2', service: 's', scope: 'repository:a/b:pull,push' }],
    ])
    expect(read('Basic realm="a \\"b\\"" , BEARER Realm = tok , x=y')).toEqual([
      ['basic', { realm: 'a "b"' }],
      ['bearer', { realm: 'tok', x: 'y' }],
    ])
    expect(read('Negotiate abc==, Basic realm="x"')).toEqual([
      ['negotiate', {}],
      ['basic', { realm: 'x' }],
    ])
    expect(read('Bearer realm="one",realm="two"')).toEqual([['bearer', { realm: 'one' }]])
    expect(parseChallenges('Bearer __proto__="x",realm="r"')[0]?.parameters.realm).toBe('r')
  })

  test('never throws, never grows', () => {
    const piece = fc.constantFrom('Bearer', 'Basic', ' ', ',', '=', '"', '\\', 'realm', 'x', '/', '\t', '\u0000')
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 200 }), (pieces) => {
        const found = parseChallenges(pieces.join(''))
        expect(found.length).toBeLessThanOrEqual(8)
        for (const { parameters } of found) expect(Object.keys(parameters).length).toBeLessThanOrEqual(32)
      }),
    )
    expect(parseChallenges(null)).toEqual([])
    expect(parseChallenges('a '.repeat(100_000))).toEqual([])
    expect(parseChallenges('B' + ' a=1,'.repeat(2000)).length).toBeLessThanOrEqual(8)
  })

  test('equal needs have equal scopes', () => {
    expect(mergeScopes(['repository:a:push,pull', 'repository:a:pull repository:b:pull', 'junk', 'a:b'])).toEqual([
      'repository:a:pull,push',
      'repository:b:pull',
    ])
  })
})

describe('credential files', () => {
  test('of Docker and of podman', () => {
    const auth = btoa('ann:pw:with:colons')
    const file = parseAuthFile(
      JSON.stringify({
        auths: {
          'https://index.docker.io/v1/': { auth },
          'quay.io/team': { auth },
          'ghcr.io': { auth: btoa('<token>:'), identitytoken: 'refresh' },
          'r.example:5000': { registrytoken: 'ready' },
          'by.helper': {},
        },
        credHelpers: { 'gcr.io': 'gcloud' },
        credsStore: 'secretservice',
      }),
      'config.json',
    )
    const basic: Credential = { kind: 'basic', username: 'ann', password: 'pw:with:colons' }
    expect(file.auths).toEqual({
      'https://index.docker.io/v1/': basic,
      'quay.io/team': basic,
      'ghcr.io': { kind: 'identity', token: 'refresh', username: '<token>' },
      'r.example:5000': { kind: 'bearer', token: 'ready' },
    })
    expect([file.credsStore, file.credHelpers]).toEqual(['secretservice', { 'gcr.io': 'gcloud' }])
  })

  test('the best key wins, Docker Hub by any of its names', () => {
    const keys = [
      'quay.io',
      'quay.io/team',
      'quay.io/team/app',
      'https://index.docker.io/v1/',
      'https://r.example:5000/v2/',
    ]
    const best = (repository: string): string | undefined => bestKey(keys, repository)
    expect(best('quay.io/team/app')).toBe('quay.io/team/app')
    expect(best('quay.io/team/app2')).toBe('quay.io/team')
    expect(best('quay.io/other')).toBe('quay.io')
    expect(best('docker.io/library/debian')).toBe('https://index.docker.io/v1/')
    expect(best('registry-1.docker.io/library/debian')).toBe('https://index.docker.io/v1/')
    expect(best('r.example:5000/x')).toBe('https://r.example:5000/v2/')
    expect(best('r.example/x')).toBeUndefined()
    expect(best('quay.io.evil.example/x')).toBeUndefined()
    expect(serverKey('docker.io')).toBe('https://index.docker.io/v1/')
  })

  test('an edit keeps the rest of the file', () => {
    const before = '{"HttpHeaders":{"a":"b"},"auths":{"https://r.example/v1/":{"auth":"eDp5"},"o":{}}}'
    const after = editAuthFile(before, 'f', 'r.example', { kind: 'basic', username: 'ü', password: 'ß:€' })
    expect(parseAuthFile(after, 'f').auths).toEqual({ 'r.example': { kind: 'basic', username: 'ü', password: 'ß:€' } })
    expect(JSON.parse(after).HttpHeaders).toEqual({ a: 'b' })
    expect(JSON.parse(editAuthFile(after, 'f', 'r.example', undefined)).auths).toEqual({ o: {} })
  })

  test('a broken file is named, its secrets are not', () => {
    for (const text of [
      '{',
      '[]',
      '{"auths":3}',
      '{"auths":{"r":{"auth":"%%%s3cret"}}}',
      '{"auths":{"r":{"auth":"bm9jb2xvbg=="}}}',
    ])
      try {
        parseAuthFile(text, '/home/ann/config.json')
        throw new Error(`accepted: ${text}`)
      } catch (error) {
        expect(String(error)).toContain('/home/ann/config.json')
        expect(String(error)).not.toContain('s3cret')
      }
  })
})

describe('credential helpers', () => {
  const answering = (
    code: number,
    stdout: string,
    stderr = '',
  ): Parameters<typeof helperGet>[0] & { asked: unknown[] } => {
    const asked: unknown[] = []
    return { asked, run: async (...args) => (asked.push(args.slice(0, 3)), { code, stdout, stderr }) }
  }

  test('get and store, by pipes', async () => {
    const host = answering(0, '{"ServerURL":"r","Username":"ann","Secret":"pw"}')
    expect(await helperGet(host, 'toy', 'r.example')).toEqual({ kind: 'basic', username: 'ann', password: 'pw' })
    expect(host.asked).toEqual([['docker-credential-toy', ['get'], 'r.example']])
    const token = answering(0, '{"Username":"<token>","Secret":"refresh"}')
    expect(await helperGet(token, 'toy', 'r')).toEqual({ kind: 'identity', token: 'refresh' })
    await helperStore(host, 'toy', 'r.example', { kind: 'basic', username: 'ann', password: 'pw' })
    expect(host.asked[1]).toEqual([
      'docker-credential-toy',
      ['store'],
      '{"ServerURL":"r.example","Username":"ann","Secret":"pw"}',
    ])
  })

  test('nothing known is no error; everything else is, without what was on stdout', async () => {
    expect(await helperGet(answering(1, 'credentials not found in native keychain\n'), 'toy', 'r')).toBeUndefined()
    const error = await failure(helperGet(answering(1, 's3cret', 'locked'), 'toy', 'r'), 'unauthenticated')
    expect(error.message).toBe('docker-credential-toy get ended with 1: locked')
    await failure(helperGet(answering(0, 'no json'), 'toy', 'r'), 'invalid_argument')
    for (const name of ['../evil', 'a b', '', '-x'])
      await failure(helperGet(answering(0, '{}'), name, 'r'), 'invalid_argument')
  })
})

/** A registry with a token server of its own; answers are as small as the protocol allows. */
describe('tokens', () => {
  let server: Bun.Server<undefined>
  const asked: { method: string; scope: string[]; authorization: string | null; form: Record<string, string> }[] = []
  let lifetime: number | undefined
  let valid = new Set<string>()
  let oauthOnly = false
  let realm: string | undefined
  beforeAll(() => {
    server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      async fetch(request) {
        const url = new URL(request.url)
        if (url.pathname === '/token') return tokenAnswer(request, url)
        const token = request.headers.get('authorization')?.replace(/^Bearer /, '')
        if (!token || !valid.has(token)) {
          const write = request.method !== 'GET' && request.method !== 'HEAD'
          const scope = `repository:a/b:${write ? 'pull,push' : 'pull'}`
          const where = realm ?? `${url.origin}/token`
          return new Response(null, {
            status: 401,
            headers: { 'www-authenticate': `Bearer realm="${where}",service="svc",scope="${scope}"` },
          })
        }
        if (request.method === 'POST') return new Response(null, { status: 202, headers: { location: '/v2/a/b/up' } })
        if (request.method === 'PUT' || request.method === 'PATCH') {
          await request.arrayBuffer()
          return new Response(null, {
            status: request.method === 'PUT' ? 201 : 202,
            headers: { location: '/v2/a/b/up' },
          })
        }
        return Response.json({ tags: ['v1'] })
      },
    })
  })
  afterAll(() => server.stop(true))

  async function tokenAnswer(request: Request, url: URL): Promise<Response> {
    const text = await request.text()
    const form = Object.fromEntries(new URLSearchParams(text))
    const scope = request.method === 'POST' ? (form.scope ?? '').split(' ') : url.searchParams.getAll('scope')
    asked.push({ method: request.method, scope, authorization: request.headers.get('authorization'), form })
    if (request.method === 'GET' && oauthOnly) return new Response(null, { status: 404 })
    if (form.refresh_token === 'stale') return new Response(null, { status: 401 })
    const token = `t${asked.length}`
    valid.add(token)
    return Response.json({ token, ...(lifetime === undefined ? {} : { expires_in: lifetime }) })
  }

  const reset = (): void => {
    asked.length = 0
    valid = new Set()
    lifetime = 300
    oauthOnly = false
    realm = undefined
  }
  const client = (credential?: Credential): ReturnType<typeof openRegistryClient> =>
    openRegistryClient({ retry: { sleep: async () => undefined }, credentials: async () => credential })
  const tags = async (c: ReturnType<typeof openRegistryClient>): Promise<string[]> =>
    Array.fromAsync(c.repository(`127.0.0.1:${server.port}/a/b`).tags())

  test('one token for many requests, fetched anonymously', async () => {
    reset()
    const c = client()
    for (let i = 0; i < 3; i++) expect(await tags(c)).toEqual(['v1'])
    expect(asked.map((a) => [a.method, a.scope, a.authorization])).toEqual([['GET', ['repository:a/b:pull'], null]])
  })

  test('a password goes to the token server alone', async () => {
    reset()
    await tags(client({ kind: 'basic', username: 'ann', password: 'pw' }))
    expect(asked.map((a) => a.authorization)).toEqual([`Basic ${btoa('ann:pw')}`])
  })

  test('a server that knows OAuth2’s POST alone gets the password so', async () => {
    reset()
    oauthOnly = true
    await tags(client({ kind: 'basic', username: 'ann', password: 'pw' }))
    expect(asked.map((a) => a.method)).toEqual(['GET', 'POST'])
    expect(asked[1]!.form).toMatchObject({ grant_type: 'password', username: 'ann', password: 'pw' })
  })

  test('a refresh token is exchanged by POST; a stale one is refused without being named', async () => {
    reset()
    await tags(client({ kind: 'identity', token: 'refresh' }))
    expect(asked[0]!.form).toEqual({
      grant_type: 'refresh_token',
      refresh_token: 'refresh',
      client_id: 'cairn',
      service: 'svc',
      scope: 'repository:a/b:pull',
    })
    const error = await failure(tags(client({ kind: 'identity', token: 'stale' })), 'unauthenticated')
    expect(Bun.inspect(error)).not.toContain('stale')
  })

  test('a token that has run out, or was taken back, is replaced', async () => {
    reset()
    lifetime = 0.000_001
    const c = client()
    await tags(c)
    await tags(c)
    expect(asked.length).toBeGreaterThan(1)
    reset()
    const d = client()
    await tags(d)
    valid.clear()
    expect(await tags(d)).toEqual(['v1'])
    expect(asked.length).toBe(2)
  })

  test('pushing asks for more; a token that dies under an upload is replaced and the upload goes on', async () => {
    reset()
    const repository = client().repository(`127.0.0.1:${server.port}/a/b`)
    await Array.fromAsync(repository.tags())
    const bytes = patterned(3_000_000)
    const d = await blobOf(bytes)
    async function* dying(): AsyncGenerator<Uint8Array, void, void> {
      valid.clear()
      yield bytes
    }
    await repository.put(d, dying())
    expect(asked.map((a) => a.scope.join(' '))).toEqual([
      'repository:a/b:pull',
      'repository:a/b:pull,push',
      'repository:a/b:pull,push',
    ])
    await repository.put(await blobOf(utf8('x')), streamOf(utf8('x')))
    expect(asked.length).toBe(3)
  })

  test('many requests at once fetch one token', async () => {
    reset()
    const c = client()
    await tags(c)
    valid.clear()
    await Promise.all(Array.from({ length: 10 }, () => tags(c)))
    expect(asked.length).toBe(2)
  })

  test('who waits for a token server that never answers can give up', async () => {
    reset()
    const stop = new AbortController()
    using silent = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: () => (stop.abort(), new Promise<never>(() => undefined)),
    })
    realm = `http://127.0.0.1:${silent.port}/`
    const repository = client().repository(`127.0.0.1:${server.port}/a/b`)
    await failure(Array.fromAsync(repository.tags({ signal: stop.signal })), 'canceled')
  })

  test('a realm that is no place for secrets is not asked', async () => {
    for (const bad of ['ftp://x/', 'nothing', 'https://u:p@x.example/']) {
      reset()
      realm = bad
      await failure(tags(client({ kind: 'basic', username: 'ann', password: 'pw' })), 'unauthenticated')
    }
  })

  test('a secret shows in no error', async () => {
    reset()
    valid = new Set()
    const wrong = openRepository(`127.0.0.1:${server.port}/a/b`, {
      retry: { sleep: async () => undefined },
      credentials: async () => ({ kind: 'bearer', token: 's3cret' }),
    })
    const error = await failure(Array.fromAsync(wrong.tags()), 'unauthenticated')
    expect(Bun.inspect(error)).not.toContain('s3cret')
  })
})
