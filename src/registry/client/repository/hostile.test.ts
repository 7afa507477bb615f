import { describe, expect, test } from 'bun:test'
import { collect, streamOf, utf8 } from '#base'
import type { ByteStream } from '#base'
import { MediaType } from '#oci'
import type { Descriptor } from '#oci'
import { blobOf, failure, patterned, tinyDocuments } from '#testkit'
import { openRegistryClient } from '../client.ts'
import type { RegistryClient } from '../client.ts'
import type { Repository, RegistryRequest } from '../types.ts'
import { nextLink } from './listing.ts'

/** A registry that answers whatever a test makes it say; nothing goes over a wire. */
function lying(answer: (path: string, request: RegistryRequest, n: number) => Response): {
  readonly client: RegistryClient
  readonly repository: Repository
  readonly sent: RegistryRequest[]
} {
  const sent: RegistryRequest[] = []
  const client = openRegistryClient({
    retry: { sleep: async () => undefined, random: () => 0 },
    connect: () => async (request) => {
      const url = new URL(request.url)
      return answer(url.pathname + url.search, request, sent.push(request) - 1)
    },
  })
  return { client, repository: client.repository('reg.example/a/b'), sent }
}

const drained = async (stream: Promise<ByteStream>): Promise<void> => {
  for await (const _ of await stream);
}
const json = (value: unknown, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify(value), { headers: { 'content-type': 'application/json', ...headers } })
const manifestAnswer = (bytes: Uint8Array, type: string, more: Record<string, string> = {}): Response =>
  new Response(bytes as Uint8Array<ArrayBuffer>, { headers: { 'content-type': type, ...more } })

const { manifest, index } = await tinyDocuments()

describe('manifests', () => {
  test('of 100 MB are not read, announced or not', async () => {
    const announced = lying(() => new Response('x', { headers: { 'content-length': '100000000' } }))
    await failure(announced.repository.document('v1'), 'resource_exhausted')
    let produced = 0
    const endless = lying(
      () =>
        new Response(
          new ReadableStream({
            pull(controller) {
              produced += 65_536
              controller.enqueue(new Uint8Array(65_536))
            },
          }),
        ),
    )
    await failure(endless.repository.document('v1'), 'resource_exhausted')
    expect(produced).toBeLessThan(6 << 20)
    const head = lying(
      () =>
        new Response(null, {
          headers: {
            'content-type': MediaType.ociManifest,
            'content-length': '100000000',
            'docker-content-digest': manifest.descriptor.digest,
          },
        }),
    )
    await failure(head.repository.resolve('v1'), 'resource_exhausted')
  })

  test('under a digest that is not theirs are refused', async () => {
    const other = manifest.bytes.slice()
    other[other.length - 1] = 0x20
    const { repository } = lying(() => manifestAnswer(other, MediaType.ociManifest))
    await failure(repository.document(manifest.descriptor.digest), 'data_loss')
    const said = lying(() =>
      manifestAnswer(manifest.bytes, MediaType.ociManifest, { 'docker-content-digest': index.descriptor.digest }),
    )
    await failure(said.repository.document('v1'), 'data_loss')
    const head = lying(() =>
      manifestAnswer(manifest.bytes, MediaType.ociManifest, {
        'docker-content-digest': index.descriptor.digest,
        'content-length': '5',
      }),
    )
    await failure(head.repository.resolve(manifest.descriptor.digest), 'data_loss')
  })

  test('under a lying Content-Type are refused, under a vague one they are read', async () => {
    for (const type of [MediaType.ociIndex, MediaType.dockerManifest, MediaType.dockerManifestList])
      await failure(lying(() => manifestAnswer(manifest.bytes, type)).repository.document('v1'), 'invalid_argument')
    for (const type of ['application/json', 'text/plain', 'application/octet-stream', ''])
      expect((await lying(() => manifestAnswer(manifest.bytes, type)).repository.document('v1')).descriptor).toEqual(
        manifest.descriptor,
      )
    const charset = `${MediaType.ociManifest}; charset=utf-8`
    expect((await lying(() => manifestAnswer(manifest.bytes, charset)).repository.resolve('v1')).digest).toBe(
      manifest.descriptor.digest,
    )
    for (const body of ['<html>', '', '[]', '{}', '{"schemaVersion":2}'])
      await failure(lying(() => manifestAnswer(utf8(body), 'text/html')).repository.document('v1'), 'invalid_argument')
    const old = lying(() => manifestAnswer(utf8('{}'), 'application/vnd.docker.distribution.manifest.v1+prettyjws'))
    await failure(old.repository.document('v1'), 'unimplemented')
  })

  test('that end early are asked for again, but not for ever', async () => {
    const { repository, sent } = lying(() => {
      const response = manifestAnswer(manifest.bytes.subarray(0, 10), MediaType.ociManifest)
      response.headers.set('content-length', String(manifest.bytes.length))
      return response
    })
    await failure(repository.document('v1'), 'unavailable')
    expect(sent.length).toBe(6)
  })

  test('that are too large to be documents are not asked for', async () => {
    const { repository, sent } = lying(() => new Response('x'))
    await failure(drained(repository.open({ ...manifest.descriptor, size: 1e9 })), 'resource_exhausted')
    expect(sent.length).toBe(0)
  })
})

describe('blobs', () => {
  const bytes = patterned(100_000) as Uint8Array<ArrayBuffer>

  test('of another length, announced or sent, are refused', async () => {
    const d = await blobOf(bytes)
    for (const length of ['99999', '100001', '0'])
      await failure(
        drained(lying(() => new Response(bytes, { headers: { 'content-length': length } })).repository.open(d)),
        'data_loss',
      )
    const long = lying(() => new Response(streamed(bytes, utf8('x'))))
    await failure(drained(long.repository.open(d)), 'data_loss')
    const short = lying((_, { headers }, n) =>
      n > 0 && headers?.range ? new Response(null, { status: 416 }) : new Response(streamed(bytes.subarray(1))),
    )
    await failure(drained(short.repository.open(d)), 'data_loss')
  })

  test('whose other part comes than was asked for are refused', async () => {
    const d = await blobOf(bytes)
    for (const range of ['bytes 0-99999/100000', 'bytes 50001-99999/100000', 'bytes 50000-99999/100001', 'junk', ''])
      await failure(
        drained(
          lying(
            () => new Response(bytes.subarray(50_000), { status: 206, headers: { 'content-range': range } }),
          ).repository.open(d, { offset: 50_000 }),
        ),
        'data_loss',
      )
  })

  test('of a registry that knows no ranges are skipped to the offset', async () => {
    const d = await blobOf(bytes)
    const { repository } = lying(() => new Response(streamed(bytes.subarray(0, 7), bytes.subarray(7))))
    expect(await collect(await repository.open(d, { offset: 5 }), 1 << 20)).toEqual(bytes.slice(5))
  })

  test('that come byte by byte with a break after each end in an error', async () => {
    const d = await blobOf(bytes)
    const { repository, sent } = lying((_, { headers }) => {
      const at = Number(/\d+/.exec(headers?.range ?? '0')![0])
      const part = new Response(streamed(bytes.subarray(at, at + 1)), { status: at > 0 ? 206 : 200 })
      if (at > 0) part.headers.set('content-range', `bytes ${at}-99999/100000`)
      return part
    })
    await failure(drained(repository.open(d)), 'unavailable')
    expect(sent.length).toBe(6)
  })

  test('from urls of their own only where the layer says so, by TLS, without credentials', async () => {
    const d = await blobOf(bytes)
    const foreign: Descriptor = {
      ...d,
      mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
      urls: ['http://169.254.169.254/latest', 'https://layers.example/x'],
    }
    const make = (): ReturnType<typeof lying> =>
      lying((path) => (path === '/x' ? new Response(bytes) : new Response(null, { status: 404 })))
    const taken = make()
    expect(await collect(await taken.repository.open(foreign), 1 << 20)).toEqual(bytes)
    expect(taken.sent.map((r) => new URL(r.url).host)).toEqual(['reg.example', 'layers.example'])
    const plain = make()
    await failure(plain.repository.open({ ...foreign, mediaType: 'application/x' }), 'not_found')
    expect(plain.sent.length).toBe(1)
  })
})

describe('lists', () => {
  test('whose pages go in a circle, to elsewhere or on for ever end', async () => {
    const tags = (link: (n: number) => string): ReturnType<typeof lying> =>
      lying((_, __, n) => json({ tags: [`t${n}`] }, { link: `<${link(n)}>; rel="next"` }))
    const circle = tags((n) => `/v2/a/b/tags/list?last=${n % 3}`)
    await failure(Array.fromAsync(circle.repository.tags()), 'data_loss')
    expect(circle.sent.length).toBeLessThan(6)
    const elsewhere = tags(() => 'https://evil.example/v2/a/b/tags/list')
    await failure(Array.fromAsync(elsewhere.repository.tags()), 'permission_denied')
    expect(elsewhere.sent.length).toBe(1)
    const endless = tags((n) => `/v2/a/b/tags/list?last=${n}`)
    await failure(Array.fromAsync(endless.repository.tags()), 'resource_exhausted')
    expect(endless.sent.length).toBe(10_000)
  })

  test('of what are no tags are refused', async () => {
    for (const body of [{ tags: ['../x'] }, { tags: ['a\nb'] }, { tags: [7] }, { tags: 'x' }, { tags: [''] }])
      await Array.fromAsync(lying(() => json(body)).repository.tags()).then(
        () => expect(JSON.stringify(body)).toBe('refused'),
        (error: { code: string }) => expect(['data_loss', 'invalid_argument']).toContain(error.code),
      )
    for (const body of ['', '[]', 'null', '{'])
      await failure(Array.fromAsync(lying(() => new Response(body)).repository.tags()), 'data_loss')
    expect(await Array.fromAsync(lying(() => json({ name: 'a/b', tags: null })).repository.tags())).toEqual([])
  })

  test('the next page as registries write it', () => {
    expect(nextLink('</v2/_catalog?last=b&n=2>; rel="next"')).toBe('/v2/_catalog?last=b&n=2')
    expect(nextLink('<a>; rel="prev", <b,c>; title=x; rel=next')).toBe('b,c')
    for (const none of [null, '', '<a>', '<a>; rel="nextish"', 'rel=next', '<'.repeat(9000)])
      expect(nextLink(none)).toBeUndefined()
  })

  test('of repositories, by pages', async () => {
    const { client } = lying((_, __, n) =>
      json({ repositories: [`r${n}`] }, n < 2 ? { link: `</v2/_catalog?last=r${n}>; rel="next"` } : {}),
    )
    expect(await Array.fromAsync(client.repositories('reg.example'))).toEqual(['r0', 'r1', 'r2'])
    const bad = lying(() => json({ repositories: ['/../etc'] }))
    await failure(Array.fromAsync(bad.client.repositories('reg.example')), 'data_loss')
  })
})

describe('uploads', () => {
  test('go to a Location of another host without credentials, never in clear', async () => {
    const bytes = utf8('blob')
    const d = await blobOf(bytes)
    const to = (location: string): ReturnType<typeof lying> =>
      lying((_, { method }) =>
        method === 'POST'
          ? new Response(null, { status: 202, headers: { location } })
          : new Response(null, { status: method === 'PUT' ? 201 : 404 }),
      )
    const elsewhere = to('https://uploads.example/u?state=1')
    await elsewhere.repository.put(d, streamOf(bytes))
    expect(elsewhere.sent[1]!.url).toBe(`https://uploads.example/u?state=1&digest=${encodeURIComponent(d.digest)}`)
    expect(elsewhere.sent[1]!.headers?.authorization).toBeUndefined()
    await failure(to('http://uploads.example/u').repository.put(d, streamOf(bytes)), 'permission_denied')
    const behindProxy = to('http://reg.example/u')
    await behindProxy.repository.put(d, streamOf(bytes))
    expect(behindProxy.sent[1]!.url).toStartWith('https://reg.example/u?')
  })

  test('to a registry without sessions are posted whole', async () => {
    const bytes = utf8('blob')
    const { repository } = lying((path) => new Response(null, { status: path.includes('digest=') ? 201 : 405 }))
    await repository.put(await blobOf(bytes), streamOf(bytes))
  })

  test('that a registry refuses let go of the source', async () => {
    let released = false
    async function* source(): AsyncGenerator<Uint8Array, void, void> {
      try {
        for (;;) yield new Uint8Array(100_000)
      } finally {
        released = true
      }
    }
    const { repository } = lying((_, { method, body }) => {
      if (method !== 'PATCH') return new Response(null, { status: 202, headers: { location: '/u' } })
      void (body as AsyncGenerator<Uint8Array>).next()
      return new Response(null, { status: 403 })
    })
    await failure(repository.put(await blobOf(patterned(2_000_000)), source()), 'permission_denied')
    expect(released).toBe(true)
  })
})

test('warnings of the registry are passed on once', async () => {
  const { repository } = lying(() => json({ tags: [] }, { warning: '299 - "this repository goes away"' }))
  const messages: string[] = []
  const progress = (p: { kind: string; message?: string }): void =>
    void (p.kind === 'warning' && messages.push(p.message ?? ''))
  await Array.fromAsync(repository.tags({ progress }))
  await Array.fromAsync(repository.tags({ progress }))
  expect(messages).toEqual(['this repository goes away'])
})

test('a mirror is asked first and the registry when it fails; writes pass it by', async () => {
  const hosts: string[] = []
  const client = openRegistryClient({
    retry: { sleep: async () => undefined },
    config: {
      containers: {
        aliases: {},
        registries: [
          {
            prefix: 'reg.example',
            location: 'reg.example',
            insecure: false,
            blocked: false,
            mirrorByDigestOnly: false,
            mirrors: [
              { location: 'bad.example', insecure: false, pulls: 'all' },
              { location: 'tags.example/sub', insecure: false, pulls: 'tag-only' },
            ],
          },
        ],
      },
      docker: { mirrors: [], insecure: [] },
    },
    connect: (endpoint) => async (request) => {
      hosts.push(`${request.method} ${endpoint.host}`)
      if (endpoint.host === 'bad.example') return new Response(null, { status: 500 })
      return request.method === 'PUT'
        ? new Response(null, { status: 201 })
        : manifestAnswer(manifest.bytes, MediaType.ociManifest, { 'content-length': String(manifest.bytes.length) })
    },
  })
  const repository = client.repository('reg.example/a/b')
  expect((await repository.document('v1')).descriptor).toEqual(manifest.descriptor)
  expect([...new Set(hosts)]).toEqual(['GET bad.example', 'GET tags.example'])
  hosts.length = 0
  await repository.document(manifest.descriptor.digest)
  expect([...new Set(hosts)]).toEqual(['GET bad.example', 'GET reg.example'])
  hosts.length = 0
  await repository.put(manifest.descriptor, streamOf(manifest.bytes))
  expect(hosts).toEqual(['PUT reg.example'])
})

function streamed(...parts: readonly Uint8Array[]): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(part.slice())
      controller.close()
    },
  })
}
