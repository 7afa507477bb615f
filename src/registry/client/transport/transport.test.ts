import { describe, expect, test } from 'bun:test'
import { streamOf, utf8 } from '#base'
import { failure } from '#testkit'
import fc from 'fast-check'
import type { RegistryRequest, Transport } from '../types.ts'
import { answerError, warningsOf } from './answer.ts'
import { boundedBody } from './body.ts'
import { fetchTransport } from './fetch.ts'
import { redactUrl } from './redact.ts'
import { withRedirects } from './redirect.ts'
import { backoffMs, retryAfterMs, withRetry } from './retry.ts'

/** A transport that answers from a function and keeps what it was sent. */
function scripted(
  answer: (request: RegistryRequest, n: number) => Response,
): Transport & { readonly sent: RegistryRequest[] } {
  const sent: RegistryRequest[] = []
  return Object.assign(async (request: RegistryRequest) => answer(request, sent.push(request) - 1), { sent })
}

const redirect = (location: string, status = 307): Response => new Response(null, { status, headers: { location } })
const SECRET = { authorization: 'Bearer s3cret', accept: 'a/b', range: 'bytes=5-', cookie: 'c=1', 'x-other': 'o' }

describe('redirects', () => {
  test('another host gets no credentials and no headers but the harmless', async () => {
    const next = scripted((_, n) => (n === 0 ? redirect('https://cdn.example/x?sig=1') : new Response('ok')))
    await withRedirects(next)({ method: 'GET', url: 'https://reg.example/v2/', headers: SECRET, scope: ['a:b:c'] })
    expect(next.sent[1]).toEqual({
      method: 'GET',
      url: 'https://cdn.example/x?sig=1',
      headers: { accept: 'a/b', range: 'bytes=5-' },
      scope: [],
    })
  })

  test('a port or a scheme makes another host; the same origin keeps everything', async () => {
    for (const [location, carried] of [
      ['https://reg.example:8443/x', undefined],
      ['https://reg.example/x', SECRET.authorization],
      ['/x', SECRET.authorization],
      ['https://user:pw@reg.example/x', SECRET.authorization],
      ['//cdn.example/x', undefined],
    ] as const) {
      const next = scripted((_, n) => (n === 0 ? redirect(location) : new Response('ok')))
      await withRedirects(next)({ method: 'GET', url: 'https://reg.example/v2/', headers: SECRET })
      expect(next.sent[1]!.headers!.authorization).toBe(carried!)
      expect(next.sent[1]!.url).not.toContain('pw')
    }
  })

  test('a detour over another host and back does not bring credentials back', async () => {
    const next = scripted((_, n) =>
      n === 0 ? redirect('https://cdn.example/') : n === 1 ? redirect('https://reg.example/x') : new Response('ok'),
    )
    await withRedirects(next)({ method: 'GET', url: 'https://reg.example/v2/', headers: SECRET })
    expect(next.sent[2]!.headers).toEqual({ accept: 'a/b', range: 'bytes=5-' })
  })

  test('loops, endless chains, other schemes and the loss of TLS end in an error', async () => {
    const get = (next: Transport): Promise<Response> =>
      withRedirects(next)({ method: 'GET', url: 'https://reg.example/v2/' })
    await failure(get(scripted(() => redirect('https://reg.example/v2/'))), 'unavailable')
    await failure(get(scripted((_, n) => redirect(`/${n % 2}`))), 'unavailable')
    const endless = scripted((_, n) => redirect(`/${n}`))
    await failure(get(endless), 'unavailable')
    expect(endless.sent.length).toBe(11)
    await failure(get(scripted(() => redirect('file:///etc/passwd'))), 'permission_denied')
    await failure(get(scripted(() => redirect('http://reg.example/'))), 'permission_denied')
    await failure(get(scripted(() => redirect('https://['))), 'unavailable')
  })

  test('a stranger’s 401 is not the registry’s', async () => {
    const next = scripted((_, n) => (n === 0 ? redirect('https://cdn.example/') : new Response(null, { status: 401 })))
    await failure(withRedirects(next)({ method: 'GET', url: 'https://reg.example/' }), 'permission_denied')
  })

  test('a body goes along with 307 and 308 alone, a stream never', async () => {
    const put = (status: number, body: RegistryRequest['body']): Promise<Response> =>
      withRedirects(scripted((_, n) => (n === 0 ? redirect('/y', status) : new Response('ok'))))({
        method: 'PUT',
        url: 'https://reg.example/x',
        ...(body ? { body } : {}),
      })
    expect((await put(307, utf8('x'))).status).toBe(200)
    await failure(put(302, utf8('x')), 'unavailable')
    await failure(put(307, streamOf(utf8('x'))), 'unavailable')
  })
})

describe('retry', () => {
  const quick = (waits: number[]): { sleep: (ms: number) => Promise<void>; random: () => number } => ({
    sleep: async (ms) => void waits.push(ms),
    random: () => 0,
  })
  const get = { method: 'GET', url: 'https://reg.example/' } as const

  test('waits longer and longer, or as long as it is told', async () => {
    const waits: number[] = []
    const next = scripted((_, n) => new Response(null, n < 3 ? { status: 503 } : { status: 200 }))
    expect((await withRetry(next, quick(waits))(get)).status).toBe(200)
    expect(waits).toEqual([300, 600, 1200])
    const told = scripted((_, n) => new Response(null, n === 0 ? { status: 429, headers: { 'retry-after': '9' } } : {}))
    await withRetry(told, quick(waits))(get)
    expect(waits.at(-1)).toBe(9000)
  })

  test('gives the last answer back, and does not wait for an hour', async () => {
    const next = scripted(() => new Response('busy', { status: 500 }))
    expect((await withRetry(next, quick([]))(get)).status).toBe(500)
    expect(next.sent.length).toBe(5)
    const far = scripted(() => new Response(null, { status: 429, headers: { 'retry-after': '3600' } }))
    await failure(withRetry(far, quick([]))(get), 'unavailable')
    expect(far.sent.length).toBe(1)
  })

  test('never sends a stream again, nor what is marked', async () => {
    for (const more of [{ body: streamOf(utf8('x')) }, { once: true }]) {
      const next = scripted(() => new Response(null, { status: 503 }))
      await withRetry(next, quick([]))({ ...get, method: 'PATCH', ...more })
      expect(next.sent.length).toBe(1)
    }
  })

  test('stops when the caller gives up', async () => {
    const stop = new AbortController()
    const next = scripted(() => (stop.abort(), new Response(null, { status: 503 })))
    await failure(withRetry(next)({ ...get, signal: stop.signal }), 'canceled')
  })

  test('Retry-After of any form', () => {
    const now = Date.parse('2026-01-01T00:00:00Z')
    expect(retryAfterMs('5', now)).toBe(5000)
    expect(retryAfterMs('Thu, 01 Jan 2026 00:00:30 GMT', now)).toBe(30_000)
    expect(retryAfterMs('Wed, 31 Dec 2025 00:00:30 GMT', now)).toBe(0)
    for (const odd of [null, '', '-1', 'soon', '1e9', '9'.repeat(100)]) expect(retryAfterMs(odd, now)).toBeUndefined()
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.double({ min: 0, max: 1, noNaN: true }), (n, r) => {
        const ms = backoffMs(n, { random: () => r })
        expect(ms >= 150 && ms <= 60_000).toBe(true)
      }),
    )
  })
})

describe('what is shown', () => {
  test('no user, password, signature or fragment of a URL', () => {
    expect(redactUrl('https://u:pw@h.example/p?X-Amz-Signature=abc&digest=sha256:1#frag')).toBe(
      'https://h.example/p?X-Amz-Signature=…&digest=sha256:1',
    )
    expect(redactUrl('no url')).toBe('(not a URL)')
  })

  test('an error names the request and the registry’s words, in one clean line', async () => {
    const body = JSON.stringify({ errors: [{ code: 'DENIED', message: 'no\n\u001b[31mway', detail: 'x' }] })
    const response = new Response(body, { status: 403, headers: { 'content-type': 'application/json' } })
    const error = await answerError({ method: 'GET', url: 'https://h.example/v2/?token=t' }, response)
    expect(error.message).toBe('GET https://h.example/v2/?token=…: 403 DENIED: no [31mway')
    expect(error.code).toBe('permission_denied')
  })

  test('an error of any body', async () => {
    const bodies = [
      '',
      '<html>',
      '{',
      '[]',
      '{"errors":3}',
      '{"errors":[null]}',
      'x'.repeat(100_000),
      '{"errors":[{"code":7}]}',
    ]
    for (const body of bodies)
      for (const type of ['application/json', 'text/html'])
        for (const status of [400, 401, 404, 418, 500]) {
          const error = await answerError(
            { method: 'GET', url: 'https://h.example/' },
            new Response(body, { status, headers: { 'content-type': type } }),
          )
          expect(error.message.length).toBeLessThan(700)
        }
  })

  test('a failed connection names no secret of a URL', async () => {
    const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() })
    const { port } = server
    await server.stop(true)
    const request = { method: 'GET', url: `http://127.0.0.1:${port}/x?X-Amz-Signature=s3cret` } as const
    const error = await failure(fetchTransport()(request), 'unavailable')
    expect(Bun.inspect(error)).not.toContain('s3cret')
  })

  test('warnings as the specification writes them', () => {
    expect(warningsOf('299 - "old \\"tool\\"", 299 - "two", 199 - "other", 299 host "x"')).toEqual([
      'old "tool"',
      'two',
    ])
  })
})

test('a body is read up to its bound, and its announced length is kept to', async () => {
  const answer = (body: string, length: number): Response =>
    new Response(body, { headers: { 'content-length': String(length) } })
  await failure(boundedBody(answer('x', 100_000_000), 10, 'it'), 'resource_exhausted')
  await failure(boundedBody(new Response('x'.repeat(11)), 10, 'it'), 'resource_exhausted')
  await failure(boundedBody(answer('short', 9), 10, 'it'), 'unavailable')
})
