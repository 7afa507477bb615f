import { describe, expect, test } from 'bun:test'
import { gzipSync } from 'node:zlib'
import { collect, streamOf, utf8 } from '#base'
import { encodeDocument, MediaType } from '#oci'
import { blobOf, failure, patterned, tinyDocuments } from '#testkit'
import { openRegistryClient } from '../client.ts'
import type { RegistriesConfig } from '../config/endpoints.ts'
import { fetchTransport } from '../transport/fetch.ts'
import type { Credential, Repository } from '../types.ts'

// What registries do that the specification does not, each on a wire.

interface Quirky extends Disposable {
  readonly repository: Repository
  readonly seen: string[]
}

type Answer = (url: URL, request: Request) => Response | undefined | Promise<Response | undefined>

/** A registry that is empty but for what `answer` says. */
function quirky(answer: Answer, credential?: Credential, decompress = true): Quirky {
  const seen: string[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: async (request) => {
      const url = new URL(request.url)
      seen.push(`${request.method} ${url.pathname}`)
      return (await answer(url, request)) ?? Response.json({ errors: [] }, { status: 404 })
    },
  })
  const connect = (): ReturnType<typeof fetchTransport> => fetchTransport({ init: () => ({ decompress }) })
  const host = `127.0.0.1:${server.port}`
  const config: RegistriesConfig = {
    containers: { aliases: {}, registries: [] },
    docker: { mirrors: [], insecure: [host] },
  }
  const client = openRegistryClient({
    connect,
    config,
    retry: { sleep: async () => undefined },
    credentials: async () => credential,
  })
  return {
    repository: client.repository(`${host}/a/b`),
    seen,
    [Symbol.dispose]: () => void server.stop(true),
  }
}

const { manifest, index } = await tinyDocuments()
const bytesOf = (bytes: Uint8Array, headers: Record<string, string>): Response =>
  new Response(bytes as Uint8Array<ArrayBuffer>, { headers })
const typed = { 'content-type': MediaType.ociManifest }

describe('tokens', () => {
  const guarded = (challenge: (origin: string) => string, token: object): Answer => {
    return ({ origin, pathname }, request) => {
      if (pathname === '/token') return Response.json(token)
      if (request.headers.get('authorization') === 'Bearer t') return Response.json({ tags: ['v1'] })
      return new Response(null, { status: 401, headers: { 'www-authenticate': challenge(origin) } })
    }
  }
  const forms: readonly (readonly [string, (origin: string) => string, object])[] = [
    ['access_token alone', (o) => `Bearer realm="${o}/token",service="s"`, { access_token: 't', expires_in: 300 }],
    ['no life, no service, no scope', (o) => `Bearer realm="${o}/token"`, { token: 't' }],
    ['a life in quotes', (o) => `Bearer realm="${o}/token"`, { token: 't', expires_in: '300' }],
    ['an error among the parameters', (o) => `Bearer realm="${o}/token",error="invalid_token"`, { token: 't' }],
    ['a password would do as well', (o) => `Basic realm="x", Bearer realm="${o}/token",service=""`, { token: 't' }],
    ['single words without quotes', (o) => `bearer service=s, realm="${o}/token"`, { token: 't' }],
  ]
  for (const [what, challenge, token] of forms)
    test(what, async () => {
      using registry = quirky(guarded(challenge, token))
      expect(await Array.fromAsync(registry.repository.tags())).toEqual(['v1'])
    })
})

describe('manifests', () => {
  test('HEAD without a digest, without a length, or not at all', async () => {
    const heads: readonly Response[] = [
      new Response(null, { headers: typed }),
      new Response(null, { status: 405 }),
      new Response(null, { status: 400 }),
    ]
    for (const head of heads) {
      using registry = quirky((_, { method }) => (method === 'HEAD' ? head.clone() : bytesOf(manifest.bytes, typed)))
      expect(await registry.repository.resolve('v1')).toEqual(manifest.descriptor)
    }
  })

  test('that HEAD may not ask for are asked for by GET', async () => {
    for (const status of [400, 405, 501]) {
      using registry = quirky(({ pathname }, { method }) =>
        method === 'HEAD'
          ? new Response(null, { status })
          : pathname.endsWith(manifest.descriptor.digest)
            ? bytesOf(manifest.bytes, typed)
            : undefined,
      )
      expect(await registry.repository.has(manifest.descriptor)).toBe(true)
      expect(await registry.repository.has(index.descriptor)).toBe(false)
    }
  })

  test('that are not there: HEAD says nothing, the registry’s words come by GET', async () => {
    using registry = quirky(({ pathname }, { method }) =>
      pathname.includes('/manifests/')
        ? method === 'HEAD'
          ? new Response(null, { status: 404 })
          : Response.json({ errors: [{ code: 'MANIFEST_UNKNOWN', message: 'no v9 here' }] }, { status: 404 })
        : undefined,
    )
    expect((await failure(registry.repository.resolve('v9'), 'not_found')).message).toContain('no v9 here')
    expect(await registry.repository.has(manifest.descriptor)).toBe(false)
    using mute = quirky(() => new Response(null, { status: 404 }))
    const { message } = await failure(mute.repository.resolve('v9'), 'not_found')
    expect(message).toMatch(/manifests\/v9: 404: not found$/)
  })

  test('compressed on the way, though nobody asked for it', async () => {
    const headers = { ...typed, 'content-encoding': 'gzip', 'docker-content-digest': manifest.descriptor.digest }
    for (const decompress of [true, false]) {
      using registry = quirky(() => bytesOf(gzipSync(manifest.bytes), headers), undefined, decompress)
      expect(await registry.repository.resolve('v1')).toEqual(manifest.descriptor)
      expect((await registry.repository.document('v1')).bytes).toEqual(manifest.bytes)
      using broken = quirky(() => bytesOf(gzipSync(manifest.bytes).subarray(0, 60), headers), undefined, decompress)
      const error = await broken.repository.document('v1').catch((e: { code: string }) => e)
      expect(['data_loss', 'unavailable']).toContain((error as { code: string }).code)
    }
  })

  test('PUT answered 200 or 202, with no word of the digest', async () => {
    for (const status of [200, 202]) {
      using registry = quirky((_, { method }) => (method === 'PUT' ? new Response(null, { status }) : undefined))
      await registry.repository.put(manifest.descriptor, streamOf(manifest.bytes))
    }
  })
})

describe('uploads', () => {
  test('a location relative to the request, with a state in its query that moves on', async () => {
    const bytes = patterned(3_000_000)
    const d = await blobOf(bytes)
    const got: Uint8Array[] = []
    const states: (string | null)[] = []
    using registry = quirky(async ({ pathname, searchParams }, request) => {
      if (pathname === '/v2/') return Response.json({})
      if (request.method === 'POST')
        return new Response(null, { status: 202, headers: { location: 'session?_state=a%2Bb%3D' } })
      states.push(searchParams.get('_state'))
      got.push(await request.bytes())
      if (request.method === 'PATCH')
        return new Response(null, { status: 202, headers: { location: '/v2/a/b/blobs/uploads/session?_state=next' } })
      return new Response(null, { status: searchParams.get('digest') === d.digest ? 201 : 400 })
    })
    await registry.repository.put(d, streamOf(bytes))
    expect(states).toEqual(['a+b=', 'next'])
    expect(Buffer.concat(got).equals(bytes)).toBe(true)
    expect(registry.seen.filter((line) => !line.startsWith('GET'))).toEqual([
      'POST /v2/a/b/blobs/uploads/',
      'PATCH /v2/a/b/blobs/uploads/session',
      'PUT /v2/a/b/blobs/uploads/session',
    ])
  })
})

describe('uploads elsewhere and mounts', () => {
  test('a location on another host gets the bytes, in one stream, and no credentials', async () => {
    const bytes = patterned(3_000_000)
    const d = await blobOf(bytes)
    const got: Uint8Array[] = []
    const strange: string[] = []
    using uploads = Bun.serve({
      port: 0,
      hostname: 'localhost',
      fetch: async (request) => {
        const { search } = new URL(request.url)
        if (request.headers.has('authorization')) strange.push(request.method)
        got.push(await request.bytes())
        if (request.method === 'PATCH') return new Response(null, { status: 202, headers: { location: `/u?state=2` } })
        return new Response(null, { status: search === `?state=2&digest=${encodeURIComponent(d.digest)}` ? 201 : 400 })
      },
    })
    using registry = quirky(
      (_, { method, headers }) => {
        if (!headers.has('authorization'))
          return new Response(null, { status: 401, headers: { 'www-authenticate': 'Basic realm="r"' } })
        if (method !== 'POST') return undefined
        return new Response(null, { status: 202, headers: { location: `http://localhost:${uploads.port}/u?state=1` } })
      },
      { kind: 'basic', username: 'ann', password: 'pw' },
    )
    await registry.repository.put(d, streamOf(bytes))
    expect(Buffer.concat(got).equals(bytes)).toBe(true)
    expect(strange).toEqual([])
  })

  test('one that broke, of which the registry does not say how much it has, is begun anew', async () => {
    const bytes = patterned(3_000_000)
    const d = await blobOf(bytes)
    let begun = 0
    let whole = false
    using registry = quirky(async ({ pathname }, request) => {
      if (pathname === '/v2/') return Response.json({})
      if (request.method === 'POST')
        return new Response(null, { status: 202, headers: { location: `/v2/a/b/blobs/uploads/${++begun}` } })
      const sent = await request.bytes()
      // Some of it is kept, with no Range in this answer nor in the one to GET.
      if (request.method === 'PATCH' && pathname.endsWith('/1')) return new Response(null, { status: 500 })
      if (request.method === 'PATCH') {
        whole = Buffer.from(sent).equals(bytes)
        return new Response(null, { status: 202 })
      }
      if (request.method === 'GET') return new Response(null, { status: 204 })
      return request.method === 'PUT' && pathname.endsWith('/2') && whole
        ? new Response(null, { status: 201 })
        : undefined
    })
    await registry.repository.put(d, streamOf(bytes))
    expect([begun, whole]).toEqual([2, true])
  })

  test('a mount that is said to be done and is not is uploaded', async () => {
    const bytes = patterned(1000)
    const d = await blobOf(bytes)
    let there = false
    using registry = quirky(({ pathname, searchParams }, { method }) => {
      if (method === 'POST' && searchParams.has('mount')) return new Response(null, { status: 201 })
      if (method === 'POST') return new Response(null, { status: 202, headers: { location: '/u' } })
      if (method === 'PUT') there = true
      if (method === 'PUT') return new Response(null, { status: 201 })
      return method === 'HEAD' && pathname.endsWith(d.digest) && there ? new Response(null) : undefined
    })
    const { repository } = registry
    expect(await repository.mount!(d, 'other/repository')).toBe(false)
    await repository.put(d, streamOf(bytes))
    expect(await repository.mount!(d, 'other/repository')).toBe(true)
  })
})

describe('blobs', () => {
  test('that HEAD may not ask for: GET of the first byte tells, and what is missing is uploaded', async () => {
    const bytes = patterned(50_000)
    const d = await blobOf(bytes)
    const gone = await blobOf(utf8('gone'))
    // A store behind a redirect refuses HEAD with 403 where its URL is signed for GET.
    for (const status of [400, 403, 405, 501])
      for (const ranges of [true, false]) {
        using registry = quirky(({ pathname }, { method, headers }) => {
          if (method === 'HEAD') return new Response(null, { status })
          if (method === 'POST') return new Response(null, { status: 202, headers: { location: '/u' } })
          if (method === 'PUT') return new Response(null, { status: 201 })
          if (!pathname.endsWith(d.digest)) return undefined
          if (!ranges) return new Response(bytes as Uint8Array<ArrayBuffer>)
          expect(headers.get('range')).toBe('bytes=0-0')
          const range = { 'content-range': `bytes 0-0/${bytes.length}` }
          return new Response(bytes.slice(0, 1), { status: 206, headers: range })
        })
        const { repository } = registry
        expect(await repository.has(d)).toBe(true)
        expect(await repository.blobSize(d.digest)).toBe(bytes.length)
        expect(await repository.has(gone)).toBe(false)
        await repository.put(gone, streamOf(utf8('gone')))
      }
    using denied = quirky(({ pathname }) =>
      pathname === '/v2/' ? Response.json({}) : new Response(null, { status: 403 }),
    )
    await failure(denied.repository.has(d), 'permission_denied')
  })

  test('behind a redirect that wants no credentials, and refuses them', async () => {
    const bytes = patterned(50_000)
    const d = await blobOf(bytes)
    using store = Bun.serve({
      port: 0,
      hostname: 'localhost',
      fetch: ({ headers }) =>
        headers.has('authorization')
          ? new Response(null, { status: 400 })
          : new Response(bytes as Uint8Array<ArrayBuffer>),
    })
    using registry = quirky(
      (_, { headers }) =>
        headers.has('authorization')
          ? Response.redirect(`http://localhost:${store.port}/b?Signature=x%2Fy`, 307)
          : new Response(null, { status: 401, headers: { 'www-authenticate': 'Basic realm="r"' } }),
      { kind: 'basic', username: 'ann', password: 'pw' },
    )
    expect(Buffer.compare(await collect(await registry.repository.open(d), 1 << 20), bytes)).toBe(0)
  })
})

describe('lists', () => {
  test('whose next page is a whole URL, or relative, without quotes', async () => {
    for (const next of [
      (o: string) => `<${o}/v2/a/b/tags/list?last=v1>; rel=next`,
      () => '<list?last=v1>;rel="next"',
    ]) {
      using registry = quirky(({ origin, searchParams }) =>
        searchParams.get('last') === 'v1'
          ? Response.json({ name: 'a/b', tags: ['v2'] })
          : Response.json({ name: 'a/b', tags: ['v1'] }, { headers: { link: next(origin) } }),
      )
      expect(await Array.fromAsync(registry.repository.tags())).toEqual(['v1', 'v2'])
    }
  })
})

describe('referrers', () => {
  const subject = index.descriptor
  const behindTag: Answer = ({ pathname }) =>
    pathname.endsWith(`/manifests/${subject.digest.replace(':', '-')}`)
      ? bytesOf(index.bytes.slice(), { 'content-type': MediaType.ociIndex })
      : undefined

  test('of a registry without the API, whatever it answers there', async () => {
    const other = await encodeDocument(MediaType.ociIndex, {
      schemaVersion: 2,
      mediaType: MediaType.ociIndex,
      manifests: [{ ...manifest.descriptor, artifactType: 'a/signature' }],
    })
    const answers: readonly (() => Response)[] = [
      ...[400, 403, 404, 405, 406, 501].map((status) => () => new Response('no', { status })),
      () => new Response('<html>a page for everything</html>', { headers: { 'content-type': 'text/html' } }),
      () => Response.json({ message: 'hello' }),
    ]
    for (const answer of answers) {
      using registry = quirky(({ pathname }) => {
        if (pathname.includes('/referrers/')) return answer()
        if (!pathname.endsWith(`/manifests/${subject.digest.replace(':', '-')}`)) return undefined
        return bytesOf(other.bytes.slice(), { 'content-type': MediaType.ociIndex })
      })
      const found = await Array.fromAsync(registry.repository.referrers(subject))
      expect(found.map((d) => d.digest)).toEqual([manifest.descriptor.digest])
    }
  })

  test('which may not be read at all: one line says so', async () => {
    using registry = quirky(() => Response.json({ errors: [{ code: 'DENIED', message: 'not you' }] }, { status: 403 }))
    const { message } = await failure(Array.fromAsync(registry.repository.referrers(subject)), 'permission_denied')
    expect(message).toContain('403 DENIED: not you')
  })

  test('a registry that takes the tag for the digest gives the subject itself: it refers to nothing', async () => {
    using registry = quirky(behindTag)
    expect(await Array.fromAsync(registry.repository.referrers(subject))).toEqual([])
  })
})
