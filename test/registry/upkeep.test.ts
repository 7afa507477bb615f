import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { utf8 } from '#base'
import { digestOf, MediaType } from '#oci'
import { openDirectoryStorage, serveRegistry } from '#registry/server'
import { tempDir } from '#testkit'
import { makeImage, pullImage, pushImage, putManifest } from './images.ts'
import type { MadeImage } from './images.ts'
import { raceOver } from './races.ts'
import { startRegistry } from './server.ts'

const DAY = 86_400_000
const manifestAt = (url: string, name: string, reference: string, method = 'GET'): Promise<Response> =>
  fetch(`${url}/v2/${name}/manifests/${reference}`, { method })
const blobStatus = async (url: string, name: string, digest: string): Promise<number> =>
  (await fetch(`${url}/v2/${name}/blobs/${digest}`, { method: 'HEAD' })).status

async function postBlob(url: string, name: string, text: string): Promise<string> {
  const bytes = utf8(text)
  const digest = await digestOf(bytes)
  const pushed = await fetch(`${url}/v2/${name}/blobs/uploads/?digest=${digest}`, {
    method: 'POST',
    body: bytes as Uint8Array<ArrayBuffer>,
  })
  expect(pushed.status).toBe(201)
  return digest
}

describe('garbage collection', () => {
  test('loses no acknowledged image while pushes, deletions and collections go on; old orphans go', async () => {
    const command = fc.oneof(
      { weight: 5, arbitrary: fc.record({ kind: fc.constant('push' as const), image: fc.nat(5), to: fc.nat(1) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('orphan' as const), blob: fc.nat(50) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), image: fc.nat(5), to: fc.nat(1) }) },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant('later' as const), hours: fc.integer({ min: 1, max: 30 }) }),
      },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('collect' as const) }) },
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(command, { minLength: 1, maxLength: 4 }), { maxLength: 12 }),
        async (rounds) => {
          const clock = { time: Date.now() - 365 * DAY }
          await using registry = await startRegistry({ gc: { intervalSeconds: 0 } }, { now: () => clock.time })
          const { url, running } = registry
          // Images share layers: what one no longer needs another still does.
          const images = await Promise.all([0, 1, 2, 3, 4, 5].map((i) => makeImage(`shared ${i >> 1}`, 1 + (i % 3))))
          const acknowledged = new Map<string, MadeImage>()
          for (const round of rounds) {
            // A round's commands run at once; deletions go first, so that what is acknowledged is certain.
            for (const c of round)
              if (c.kind === 'delete') {
                acknowledged.delete(`r${c.to}@${images[c.image]!.digest}`)
                await manifestAt(url, `r${c.to}`, images[c.image]!.digest, 'DELETE')
              } else if (c.kind === 'later') clock.time += c.hours * 3_600_000
            await Promise.all(
              round.map(async (c) => {
                if (c.kind === 'push') {
                  const image = images[c.image]!
                  const status = await pushImage(url, `r${c.to}`, image.digest, image)
                  if (status === 201) acknowledged.set(`r${c.to}@${image.digest}`, image)
                  // The last word may be that a blob went meanwhile: then nothing was acknowledged.
                  else expect(status).toBe(404)
                } else if (c.kind === 'orphan') await postBlob(url, 'r0', `orphan ${c.blob}`)
                else if (c.kind === 'collect') await running.collect()
              }),
            )
            for (const at of acknowledged.keys()) {
              const [name, digest] = at.split('@')
              expect(await pullImage(url, name!, digest!)).toBe(true)
            }
          }
          clock.time += 3 * DAY
          await running.collect()
          const needed = new Set([...acknowledged.values()].flatMap((i) => [i.digest, ...i.blobs.map((b) => b.digest)]))
          const left = new Set<string>()
          for await (const file of new Bun.Glob('content/sha256/*/*').scan(registry.root))
            left.add(`sha256:${file.slice(18)}`)
          expect([...left].toSorted()).toEqual([...needed].toSorted())
        },
      ),
      { numRuns: 12 },
    )
  }, 60_000)

  test('spares what is young, and what a client was told is here', async () => {
    const clock = { time: Date.now() - 100 * DAY }
    await using registry = await startRegistry(
      { gc: { intervalSeconds: 0, graceSeconds: 3600 } },
      { now: () => clock.time },
    )
    const { url, running } = registry
    const digest = await postBlob(url, 'a', 'orphan')
    clock.time += 3000_000
    expect(await blobStatus(url, 'a', digest)).toBe(200)
    clock.time += 3000_000
    expect(await running.collect()).toMatchObject({ links: 0, blobs: 0 })
    clock.time += 3700_000
    expect(await running.collect()).toMatchObject({ links: 1, blobs: 1, bytes: 6 })
    expect(await blobStatus(url, 'a', digest)).toBe(404)
  })

  test('ends uploads that nobody goes on with', async () => {
    const clock = { time: Date.now() - 100 * DAY }
    await using first = await startRegistry({ gc: { intervalSeconds: 0 } }, { now: () => clock.time })
    const begun = await fetch(`${first.url}/v2/a/blobs/uploads/`, { method: 'POST' })
    const location = begun.headers.get('location')!
    clock.time += 2 * DAY
    expect((await first.running.collect()).uploads).toBe(1)
    expect((await fetch(first.url + location)).status).toBe(404)
  })
})

describe('retention', () => {
  test('keeps the last ones and the young ones, and then what is untagged goes', async () => {
    const clock = { time: Date.now() - 300 * DAY }
    await using registry = await startRegistry(
      {
        gc: { intervalSeconds: 0 },
        retention: [{ repositories: ['ci/*'], tags: ['build-\\d+'], keepLast: 2, keepDays: 3, untaggedDays: 5 }],
      },
      { now: () => clock.time },
    )
    const { url, running } = registry
    for (let i = 1; i <= 6; i++) {
      clock.time += DAY
      const image = await makeImage(`build ${i}`)
      expect(await pushImage(url, 'ci/app', `build-${i}`, image)).toBe(201)
      if (i === 1) expect((await putManifest(url, 'ci/app', 'release', image.manifest)).status).toBe(201)
      expect(await pushImage(url, 'other/app', `build-${i}`, image)).toBe(201)
    }
    clock.time += DAY
    const tags = async (name: string): Promise<string[]> =>
      ((await (await fetch(`${url}/v2/${name}/tags/list`)).json()) as { tags: string[] }).tags
    await running.collect()
    expect(await tags('ci/app')).toEqual(['build-5', 'build-6', 'release'])
    expect(await tags('other/app')).toHaveLength(6)
    clock.time += 30 * DAY
    await running.collect()
    expect(await tags('ci/app')).toEqual(['build-5', 'build-6', 'release'])
    expect((await manifestAt(url, 'ci/app', (await makeImage('build 2')).digest)).status).toBe(404)
    expect(await pullImage(url, 'ci/app', 'release')).toBe(true)
    expect(await pullImage(url, 'ci/app', 'build-5')).toBe(true)
  })

  test('an index keeps its manifests, a subject its referrers', async () => {
    const clock = { time: Date.now() - 300 * DAY }
    await using registry = await startRegistry(
      { gc: { intervalSeconds: 0 }, retention: [{ repositories: ['**'], untaggedDays: 1 }] },
      { now: () => clock.time },
    )
    const { url, running } = registry
    const [child, alone] = [await makeImage('child'), await makeImage('alone')]
    for (const image of [child, alone]) expect(await pushImage(url, 'a', image.digest, image)).toBe(201)
    const described = { mediaType: MediaType.ociManifest, digest: child.digest, size: child.manifest.length }
    const index = JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [described] })
    const signature = JSON.parse(new TextDecoder().decode(child.manifest))
    const signed = utf8(JSON.stringify({ ...signature, artifactType: 'a/signature', subject: described }))
    const signedDigest = await digestOf(signed)
    expect((await putManifest(url, 'a', signedDigest, signed)).status).toBe(201)
    const type = { 'content-type': MediaType.ociIndex }
    expect((await putManifest(url, 'a', 'v1', utf8(index), type)).status).toBe(201)
    clock.time += 10 * DAY
    expect(await running.collect()).toMatchObject({ manifests: 1 })
    expect((await manifestAt(url, 'a', alone.digest)).status).toBe(404)
    for (const digest of [child.digest, signedDigest]) expect((await manifestAt(url, 'a', digest)).status).toBe(200)
  })
})

describe('deletions beside pushes', () => {
  test('at two servers leave no tag without its image', async () => {
    await using one = await startRegistry()
    await using two = await startRegistry({}, { root: one.root })
    await raceOver([one.url, two.url], 100)
  }, 60_000)

  test('a tag that comes between the look at the tags and the end of the manifest', async () => {
    await using sound = await startRegistry()
    const image = await makeImage('between')
    const storage = openDirectoryStorage({ root: sound.root })
    const remove = storage.records.delete.bind(storage.records)
    let between: (() => Promise<unknown>) | undefined
    storage.records.delete = async (key, condition) => {
      // The tags have been looked at; the manifest goes next.
      if (key.startsWith('manifest/')) await between?.()
      return remove(key, condition)
    }
    const slow = await serveRegistry({ config: { port: 0 }, storage })
    try {
      expect(await pushImage(sound.url, 'app', image.digest, image)).toBe(201)
      between = () => pushImage(sound.url, 'app', 'v1', image)
      expect((await manifestAt(slow.url, 'app', image.digest, 'DELETE')).status).toBe(202)
      expect(await (await fetch(`${sound.url}/v2/app/tags/list`)).json()).toMatchObject({ tags: [] })
    } finally {
      await slow.stop(0)
    }
  })

  test('a manifest that goes before its tag came is put again', async () => {
    using dir = tempDir()
    const storage = openDirectoryStorage({ root: dir.path })
    const put = storage.records.put.bind(storage.records)
    let once = true
    storage.records.put = async (key, value, condition) => {
      if (key.startsWith('tag/') && once) {
        once = false
        await storage.records.delete(`manifest/app@${value}`)
      }
      return put(key, value, condition)
    }
    const running = await serveRegistry({ config: { port: 0 }, storage })
    try {
      expect(await pushImage(running.url, 'app', 'v1', await makeImage('again'))).toBe(201)
      expect([once, await pullImage(running.url, 'app', 'v1')]).toEqual([false, true])
    } finally {
      await running.stop(0)
    }
  })

  test('a tag that a killed deletion left goes by itself', async () => {
    const clock = { time: Date.now() }
    await using registry = await startRegistry({ gc: { intervalSeconds: 0 } }, { now: () => clock.time })
    const { url, root, running } = registry
    const [kept, torn] = [await makeImage('kept'), await makeImage('torn')]
    expect(await pushImage(url, 'app', 'kept', kept)).toBe(201)
    expect(await pushImage(url, 'app', 'torn', torn)).toBe(201)
    await using storage = openDirectoryStorage({ root })
    await storage.records.delete(`manifest/app@${torn.digest}`)
    expect(await running.collect()).toMatchObject({ tags: 0 })
    clock.time += 2 * DAY
    expect(await running.collect()).toMatchObject({ tags: 1 })
    expect(await (await fetch(`${url}/v2/app/tags/list`)).json()).toMatchObject({ tags: ['kept'] })
    expect(await pullImage(url, 'app', 'kept')).toBe(true)
  })
})

describe('policies', () => {
  test('immutable tags are set once, also by two at a time', async () => {
    await using registry = await startRegistry({ immutableTags: [{ repositories: ['**'], tags: ['v\\d+(\\.\\d+)*'] }] })
    const { url } = registry
    const images = await Promise.all(['a', 'b', 'c', 'd'].map((s) => makeImage(s)))
    for (const image of images) expect(await pushImage(url, 'app', 'latest', image)).toBe(201)
    const set = await Promise.all(images.map((image) => pushImage(url, 'app', 'v1.0', image)))
    expect(set.toSorted((a, b) => a - b)).toEqual([201, 409, 409, 409])
    const winner = images[set.indexOf(201)]!
    expect(await pushImage(url, 'app', 'v1.0', winner)).toBe(201)
    expect((await manifestAt(url, 'app', 'v1.0')).headers.get('docker-content-digest')).toBe(winner.digest)
    expect((await manifestAt(url, 'app', 'v1.0', 'DELETE')).status).toBe(409)
    expect((await manifestAt(url, 'app', winner.digest, 'DELETE')).status).toBe(409)
  })

  test('a tag moves only from where the client believes it is', async () => {
    await using registry = await startRegistry()
    const [a, b] = [await makeImage('a'), await makeImage('b')]
    const { url } = registry
    expect(await pushImage(url, 'app', 'x', a)).toBe(201)
    expect(await pushImage(url, 'app', b.digest, b)).toBe(201)
    expect((await putManifest(url, 'app', 'x', b.manifest, { 'if-none-match': '*' })).status).toBe(412)
    expect((await putManifest(url, 'app', 'x', b.manifest, { 'if-match': `"${b.digest}"` })).status).toBe(412)
    expect((await putManifest(url, 'app', 'x', b.manifest, { 'if-match': `"${a.digest}"` })).status).toBe(201)
  })

  test('quotas hold for the repositories together', async () => {
    await using registry = await startRegistry({ quotas: [{ repositories: ['team/**'], bytes: 1000 }] })
    const { url } = registry
    await postBlob(url, 'team/a', 'x'.repeat(600))
    const push = (name: string, text: string): Promise<Response> =>
      fetch(`${url}/v2/${name}/blobs/uploads/`, { method: 'POST' }).then(async (begun) => {
        const digest = await digestOf(utf8(text))
        return fetch(`${url}${begun.headers.get('location')}?digest=${digest}`, { method: 'PUT', body: text })
      })
    const refused = await push('team/b', 'y'.repeat(600))
    expect(refused.status).toBe(403)
    expect(await refused.json()).toMatchObject({ errors: [{ code: 'DENIED' }] })
    expect((await push('team/b', 'y'.repeat(300))).status).toBe(201)
    expect((await push('free/b', 'y'.repeat(600))).status).toBe(201)
    // A client that is in the middle of sending hears why all the same.
    const large = await push('team/b', 'z'.repeat(5_000_000))
    expect([large.status, await large.json()]).toMatchObject([403, { errors: [{ code: 'DENIED' }] }])
  })

  test('read-only serves and takes nothing; without deletes nothing goes', async () => {
    await using first = await startRegistry({ deletes: false })
    const image = await makeImage('kept')
    expect(await pushImage(first.url, 'app', 'v1', image)).toBe(201)
    expect((await manifestAt(first.url, 'app', 'v1', 'DELETE')).status).toBe(405)
    await using second = await startRegistry({ readOnly: true }, { root: first.root })
    expect(await pullImage(second.url, 'app', 'v1')).toBe(true)
    expect(await pushImage(second.url, 'app', 'v2', image)).toBe(405)
    expect((await manifestAt(second.url, 'app', 'v1', 'DELETE')).status).toBe(405)
  })

  test('references: all of an index, or none of an image', async () => {
    const image = await makeImage('references')
    const missing = { mediaType: MediaType.ociManifest, digest: image.digest, size: image.manifest.length }
    const index = utf8(JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [missing] }))
    const type = { 'content-type': MediaType.ociIndex }
    const outcome = async (references: 'all' | 'images' | 'none'): Promise<number[]> => {
      await using registry = await startRegistry({ references })
      const sparse = await putManifest(registry.url, 'app', 'index', index, type)
      const bare = await putManifest(registry.url, 'app', 'image', image.manifest)
      return [sparse.status, bare.status]
    }
    expect(await outcome('all')).toEqual([404, 404])
    expect(await outcome('images')).toEqual([201, 404])
    expect(await outcome('none')).toEqual([201, 201])
  })
})

describe('telling', () => {
  test('webhooks are called in order, signed, again after a failure', async () => {
    const calls: { action: string; tag?: string; signature: string | null; expected: string }[] = []
    let failures = 1
    const { promise, resolve } = Promise.withResolvers<void>()
    using receiver = Bun.serve({
      port: 0,
      fetch: async (request) => {
        if (failures-- > 0) return new Response('not now', { status: 500 })
        const body = await request.text()
        const expected = `sha256=${new Bun.CryptoHasher('sha256', 'secret').update(body).digest('hex')}`
        calls.push({ ...JSON.parse(body), signature: request.headers.get('x-cairn-signature'), expected })
        if (calls.length === 2) resolve()
        return new Response('ok')
      },
    })
    const hook = { url: receiver.url.href, secret: 'secret', actions: ['push', 'delete'] as const }
    await using registry = await startRegistry({ webhooks: [{ ...hook, actions: [...hook.actions] }] })
    await putManifest(
      registry.url,
      'app',
      'v1',
      utf8(JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [] })),
      {
        'content-type': MediaType.ociIndex,
      },
    )
    await manifestAt(registry.url, 'app', 'v1', 'DELETE')
    await promise
    expect(calls.map(({ action, tag }) => [action, tag])).toEqual([
      ['push', 'v1'],
      ['delete', 'v1'],
    ])
    for (const call of calls) expect(call.signature).toBe(call.expected)
  })

  test('health, readiness and metrics', async () => {
    await using registry = await startRegistry()
    const { url } = registry
    await pushImage(url, 'app', 'v1', await makeImage('metrics'))
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
    const text = await (await fetch(`${url}/metrics`)).text()
    expect(text).toMatch(/cairn_registry_request_seconds_count\{route="manifest",method="PUT",status="201"\} 1/)
    expect(text).toMatch(/cairn_registry_events_total\{action="push",kind="manifest"\} 1/)
    expect(text).toMatch(/process_resident_memory_bytes \d+/)
  })

  test('too many requests at once are turned away', async () => {
    await using registry = await startRegistry({ limits: { requests: 1 } })
    const { promise, resolve } = Promise.withResolvers<void>()
    const begun = await fetch(`${registry.url}/v2/a/blobs/uploads/`, { method: 'POST' })
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield utf8('first')
      await promise
    }
    const patch = fetch(registry.url + begun.headers.get('location')!, { method: 'PATCH', body: slow() as never })
    let status = 200
    for (let i = 0; status === 200 && i < 1000; i++) status = (await fetch(`${registry.url}/v2/`)).status
    expect(status).toBe(429)
    resolve()
    expect((await patch).status).toBe(202)
    expect((await fetch(`${registry.url}/v2/`)).status).toBe(200)
  })
})
