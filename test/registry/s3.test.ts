import { afterAll, describe, expect, test } from 'bun:test'
import { utf8 } from '#base'
import { digestOf } from '#oci'
import { checkRegistry, openS3Storage, serveRegistry } from '#registry/server'
import type { RegistryConfig, RunningRegistry, S3StorageOptions } from '#registry/server'
import { lacking, patterned, skipReason } from '#testkit'
import { driverSuite } from './driversuite.ts'
import { makeImage, pullImage, pushImage } from './images.ts'
import { raceOver } from './races.ts'
import { radosgw, seaweedfs, startS3, versitygw } from './s3server.ts'
import type { S3Server } from './s3server.ts'
import { uploadInTurns } from './turns.ts'

const lacksGo = skipReason('storage in an object store', lacking('go'))

for (const program of [versitygw, seaweedfs, radosgw]) {
  const binary = lacksGo && program !== radosgw ? undefined : await program.binary()
  if (binary !== undefined) storageSuite(program.name, await startS3(program, binary))
}

let places = 0
async function serve(at: S3StorageOptions, config: RegistryConfig = {}): Promise<RunningRegistry & AsyncDisposable> {
  const running = await serveRegistry({ config: { port: 0, ...config }, storage: openS3Storage(at) })
  return { ...running, [Symbol.asyncDispose]: () => running.stop(1000) }
}

function storageSuite(program: string, server: S3Server): void {
  /** A place of its own in the bucket. */
  const place = (more: Partial<S3StorageOptions> = {}): S3StorageOptions => ({
    ...server,
    prefix: `place-${++places}/`,
    ...more,
  })
  afterAll(() => server[Symbol.asyncDispose]())
  driverSuite(`object store (${program})`, async (now) => {
    const at = place({ now })
    const storage = openS3Storage(at)
    return { storage, again: async () => openS3Storage(at), [Symbol.asyncDispose]: async () => undefined }
  })

  describe(`storage in an object store (${program})`, () => {
    test('our suite passes', async () => {
      await using registry = await serve(place())
      const report = await checkRegistry(registry.url)
      expect(report.results.filter((r) => r.status !== 'pass')).toEqual([])
    }, 60_000)

    test('two servers over one bucket take the same tag and the same blobs at once', async () => {
      const at = place()
      const rules: RegistryConfig = { immutableTags: [{ repositories: ['**'], tags: ['once'] }] }
      await using one = await serve(at, rules)
      await using two = await serve(at, rules)
      const images = await Promise.all([0, 1, 2, 3, 4, 5].map((i) => makeImage(`shared ${i >> 1}`, 1 + (i % 2))))
      const url = (i: number): string => (i % 2 ? one.url : two.url)
      const pushed = await Promise.all(images.map((image, i) => pushImage(url(i), 'app', 'latest', image)))
      expect(pushed).toEqual(images.map(() => 201))
      for (const { digest } of images) for (const i of [0, 1]) expect(await pullImage(url(i), 'app', digest)).toBe(true)
      const tagOf = async (i: number): Promise<string | null> =>
        (await fetch(`${url(i)}/v2/app/manifests/latest`)).headers.get('docker-content-digest')
      expect(await tagOf(0)).toBe(await tagOf(1))
      // A tag that may be set once is set by one of them.
      const once = await Promise.all(images.map((image, i) => pushImage(url(i), 'app', 'once', image)))
      expect(once.filter((status) => status === 201)).toHaveLength(1)
    }, 60_000)

    test('deletions and pushes of one tag and one manifest at two servers', async () => {
      const at = place()
      await using one = await serve(at)
      await using two = await serve(at)
      await raceOver([one.url, two.url], 25)
    }, 120_000)

    test('an upload of many parts goes on at another server, and is read in ranges', async () => {
      const at = place()
      await using one = await serve(at)
      await using two = await serve(at)
      const bytes = patterned(37_000_000) as Uint8Array<ArrayBuffer>
      const digest = await digestOf(bytes)
      const begun = await fetch(`${one.url}/v2/app/blobs/uploads/`, { method: 'POST' })
      const location = begun.headers.get('location')!
      const first = await fetch(one.url + location, { method: 'PATCH', body: bytes.subarray(0, 20_000_000) })
      expect(first.status).toBe(202)
      await one.stop(1000)
      const status = await fetch(two.url + location)
      expect(status.headers.get('range')).toBe('0-19999999')
      const put = await fetch(`${two.url}${location}?digest=${digest}`, {
        method: 'PUT',
        body: bytes.subarray(20_000_000),
      })
      expect(put.status).toBe(201)
      const blob = `${two.url}/v2/app/blobs/${digest}`
      expect(await digestOf(await (await fetch(blob)).bytes())).toBe(digest)
      const range = await fetch(blob, { headers: { range: 'bytes=19999990-20000009' } })
      expect(await range.bytes()).toEqual(bytes.slice(19_999_990, 20_000_010))
    }, 60_000)

    test('one upload, each request at another server', async () => {
      const at = place()
      await using one = await serve(at)
      await using two = await serve(at)
      await uploadInTurns([one.url, two.url], 2_000_000, 1)
      await uploadInTurns([one.url, two.url], 30_000_001, 7)
    }, 60_000)

    test('clients may be sent to the store', async () => {
      await using registry = await serve(place({ redirectSeconds: 60 }))
      const image = await makeImage('redirected')
      expect(await pushImage(registry.url, 'app', 'v1', image)).toBe(201)
      const blob = `${registry.url}/v2/app/blobs/${image.blobs[0]!.digest}`
      const sent = await fetch(blob, { redirect: 'manual' })
      expect([sent.status, sent.headers.get('location')]).toEqual([307, expect.stringContaining(server.endpoint)])
      expect(await pullImage(registry.url, 'app', 'v1')).toBe(true)
    })

    test('gc beside pushes loses nothing, and old orphans go', async () => {
      let time = Date.now()
      const at = place({ now: () => time })
      await using registry = await serve(at, { gc: { intervalSeconds: 0 } })
      const kept = await makeImage('kept')
      expect(await pushImage(registry.url, 'app', 'v1', kept)).toBe(201)
      const orphan = utf8('an orphan')
      const digest = await digestOf(orphan)
      const post = (): Promise<Response> =>
        fetch(`${registry.url}/v2/app/blobs/uploads/?digest=${digest}`, {
          method: 'POST',
          body: orphan as Uint8Array<ArrayBuffer>,
        })
      expect((await post()).status).toBe(201)
      time += 3 * 86_400_000
      const [collected] = await Promise.all([
        registry.collect(),
        ...Array.from({ length: 4 }, (_, i) =>
          makeImage(`meanwhile ${i}`).then((image) => pushImage(registry.url, 'app', `m${i}`, image)),
        ),
      ])
      expect(collected).toMatchObject({ links: 1, blobs: 1 })
      expect((await fetch(`${registry.url}/v2/app/blobs/${digest}`)).status).toBe(404)
      for (const tag of ['v1', 'm0', 'm1', 'm2', 'm3']) expect(await pullImage(registry.url, 'app', tag)).toBe(true)
      expect((await post()).status).toBe(201)
    }, 60_000)

    test('a store that errs at random: what is acknowledged is whole', async () => {
      using faulty = faultyStore(server.endpoint)
      const at = place()
      await using registry = await serve({ ...at, endpoint: faulty.url.origin })
      const images = await Promise.all(Array.from({ length: 8 }, (_, i) => makeImage(`faulty ${i >> 1}`, 1 + (i % 2))))
      const pushed = await Promise.all(images.map((image, i) => pushImage(registry.url, 'app', `t${i}`, image)))
      await using sound = await serve(at)
      for (const [i, status] of pushed.entries())
        if (status === 201) expect(await pullImage(sound.url, 'app', `t${i}`)).toBe(true)
        else expect([503, 500]).toContain(status)
      expect(pushed.filter((status) => status === 201).length).toBeGreaterThan(4)
    }, 60_000)
  })
}

/** Before the store: of seven requests one is refused, one forwarded and its answer lost. */
function faultyStore(endpoint: string): Bun.Server<undefined> {
  let count = 0
  return Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: async (request) => {
      const turn = ++count % 7
      if (turn === 3) return new Response('<Error><Code>SlowDown</Code></Error>', { status: 503 })
      const { pathname, search } = new URL(request.url)
      const headers = new Headers(request.headers)
      const body = request.method === 'PUT' || request.method === 'POST' ? await request.bytes() : null
      const init: RequestInit = { method: request.method, headers, redirect: 'manual', ...(body ? { body } : {}) }
      const answer = await fetch(`${endpoint}${pathname}${search}`, init)
      if (turn === 6) return new Response('<Error><Code>InternalError</Code></Error>', { status: 500 })
      return answer
    },
  })
}
