import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempDir } from '#testkit'
import { makeImage, pullImage, pushImage } from './images.ts'
import { startRegistry } from './server.ts'

const digestAt = async (url: string, name: string, reference: string): Promise<string | null> =>
  (await fetch(`${url}/v2/${name}/manifests/${reference}`, { method: 'HEAD' })).headers.get('docker-content-digest')

test('images of several upstreams are fetched once, and served when the upstream is gone', async () => {
  const first = await startRegistry()
  await using second = await startRegistry()
  const [one, two] = [await makeImage('one'), await makeImage('two')]
  expect(await pushImage(first.url, 'library/app', 'v1', one)).toBe(201)
  expect(await pushImage(second.url, 'team/app', 'v1', two)).toBe(201)
  await using cache = await startRegistry({
    upstreams: [
      { prefix: 'first/', url: first.url },
      { prefix: 'second/', url: second.url },
    ],
  })
  const { url } = cache
  // Ten at once ask for the same blobs.
  const pulls = await Promise.all(Array.from({ length: 10 }, () => pullImage(url, 'first/library/app', 'v1')))
  expect(pulls).toEqual(pulls.map(() => true))
  expect(await pullImage(url, 'second/team/app', two.digest)).toBe(true)
  const metrics = await (await fetch(`${url}/metrics`)).text()
  expect(metrics).toContain('cairn_registry_upstream_fetches_total{kind="blob"} 6')
  await first[Symbol.asyncDispose]()
  expect(await pullImage(url, 'first/library/app', 'v1')).toBe(true)
  expect(await pullImage(url, 'first/library/app', one.digest)).toBe(true)
  // Whether there is more cannot be told: another answer than that there is not.
  expect((await fetch(`${url}/v2/first/library/other/manifests/v1`)).status).toBe(502)
  expect((await fetch(`${url}/v2/second/library/other/manifests/v1`)).status).toBe(404)
  expect(await pushImage(url, 'first/library/app', 'v2', two)).toBe(405)
  expect(await pushImage(url, 'own/app', 'v1', two)).toBe(201)
})

test('a tag that moved upstream moves here, when its time has come', async () => {
  await using upstream = await startRegistry()
  const clock = { time: Date.now() }
  const upstreams = [{ prefix: '', url: upstream.url, freshSeconds: 60 }]
  await using cache = await startRegistry({ upstreams }, { now: () => clock.time })
  const [before, after] = [await makeImage('before'), await makeImage('after')]
  await pushImage(upstream.url, 'app', 'latest', before)
  expect(await digestAt(cache.url, 'app', 'latest')).toBe(before.digest)
  await pushImage(upstream.url, 'app', 'latest', after)
  clock.time += 30_000
  expect(await digestAt(cache.url, 'app', 'latest')).toBe(before.digest)
  clock.time += 31_000
  expect(await digestAt(cache.url, 'app', 'latest')).toBe(after.digest)
})

test('an upstream that asks for a login is answered by token and by password', async () => {
  using dir = tempDir()
  writeFileSync(
    join(dir.path, 'htpasswd'),
    `me:${await Bun.password.hash('secret', { algorithm: 'bcrypt', cost: 4 })}\n`,
  )
  const image = await makeImage('private')
  for (const scheme of ['token', 'basic'] as const) {
    await using upstream = await startRegistry({ auth: { scheme, htpasswd: join(dir.path, 'htpasswd') } })
    if (scheme === 'basic')
      expect(await pushImage(upstream.url, 'app', 'v1', image, { authorization: `Basic ${btoa('me:secret')}` })).toBe(
        201,
      )
    else {
      const scope = 'repository:app:pull,push'
      const given = await fetch(`${upstream.url}/token?service=${upstream.host}&scope=${scope}`, {
        headers: { authorization: `Basic ${btoa('me:secret')}` },
      })
      const { token } = (await given.json()) as { token: string }
      expect(await pushImage(upstream.url, 'app', 'v1', image, { authorization: `Bearer ${token}` })).toBe(201)
    }
    const login = { username: 'me', password: 'secret' }
    await using cache = await startRegistry({ upstreams: [{ url: upstream.url, ...login }] })
    expect(await pullImage(cache.url, 'app', 'v1')).toBe(true)
    await using wrong = await startRegistry({ upstreams: [{ url: upstream.url, ...login, password: 'wrong' }] })
    expect(await pullImage(wrong.url, 'app', 'v1')).toBe(false)
  }
})

test('an upstream that lies is not believed', async () => {
  const image = await makeImage('truth')
  using liar = Bun.serve({
    port: 0,
    fetch: (request) =>
      request.url.includes('/manifests/')
        ? new Response(image.manifest as Uint8Array<ArrayBuffer>, {
            headers: { 'content-type': 'application/vnd.oci.image.manifest.v1+json' },
          })
        : new Response('these are not the bytes'),
  })
  await using cache = await startRegistry({ upstreams: [{ url: liar.url.href }] })
  const blob = image.blobs[0]!.digest
  expect((await fetch(`${cache.url}/v2/app/blobs/${blob}`)).status).toBe(404)
  const other = (await makeImage('other')).digest
  expect((await fetch(`${cache.url}/v2/app/manifests/${other}`)).status).toBe(404)
  expect((await fetch(`${cache.url}/v2/app/manifests/${image.digest}`)).status).toBe(200)
})
