import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { utf8 } from '#base'
import { openDatabase } from '#content'
import { digestOf } from '#oci'
import { openDirectoryStorage, openStorage, registryRoots, resolveConfig, serveRegistry } from '#registry/server'
import { tempDir } from '#testkit'
import { makeImage, pullImage, pushImage } from './images.ts'
import { startRegistry } from './server.ts'
import { uploadInTurns } from './turns.ts'

test('a configuration that makes no sense is refused with the member that is wrong', () => {
  const wrong = (config: unknown, message: string): void => expect(() => resolveConfig(config)).toThrow(message)
  wrong({ prot: 5000 }, 'prot')
  wrong({ port: 70_000 }, 'port')
  wrong({ auth: { rules: [{ repositories: ['A'], users: [], allow: [] }] } }, 'auth.rules.0.repositories.0')
  wrong({ upstreams: [{ url: 'ftp://x' }] }, 'upstreams.0.url')
  wrong({ upstreams: [{ url: 'http://x', prefix: 'no-slash' }] }, 'upstreams.0.prefix')
  wrong({ immutableTags: [{ repositories: ['**'], tags: ['('] }] }, '( is not a regular expression')
  wrong('x', 'the whole')
  expect(resolveConfig({})).toMatchObject({ host: '127.0.0.1', port: 5000, references: 'images', deletes: true })
})

test('the configuration in the operators’ page is one', async () => {
  const page = await Bun.file(join(import.meta.dir, '../../docs/registry.md')).text()
  const { storage, ...config } = Bun.YAML.parse(/```yaml\n([\s\S]*?)```/.exec(page)![1]!) as Record<string, unknown>
  const resolved = resolveConfig(config)
  // Every setting there is has its line, but those that are told apart by kind.
  expect(Object.keys(config).toSorted()).toEqual(Object.keys(resolved).toSorted())
  await using _ = openStorage(storage, { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' })
  // So is the one of the walk-through.
  const [, other] = [...page.matchAll(/```yaml\n([\s\S]*?storage:[\s\S]*?)```/g)]
  const { storage: bucket, ...walk } = Bun.YAML.parse(other![1]!) as Record<string, unknown>
  expect(resolveConfig(walk).auth?.rules).toHaveLength(4)
  await using __ = openStorage(bucket, { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' })
})

test('a port that is taken is said', async () => {
  await using registry = await startRegistry()
  using dir = tempDir()
  const port = registry.running.port
  const second = serveRegistry({ config: { port }, storage: openDirectoryStorage({ root: dir.path }) })
  expect(second).rejects.toThrow(`cannot listen on 127.0.0.1:${port}`)
})

test('stopping lets an upload end, and takes no new connection', async () => {
  using dir = tempDir()
  const running = await serveRegistry({ config: { port: 0 }, storage: openDirectoryStorage({ root: dir.path }) })
  const begun = await fetch(`${running.url}/v2/app/blobs/uploads/`, { method: 'POST' })
  const bytes = utf8('first second')
  const { promise: go, resolve } = Promise.withResolvers<void>()
  async function* body(): AsyncGenerator<Uint8Array> {
    yield bytes.slice(0, 6)
    await go
    yield bytes.slice(6)
  }
  const target = `${running.url}${begun.headers.get('location')}?digest=${await digestOf(bytes)}`
  const put = fetch(target, { method: 'PUT', body: body() as never })
  // Two are worked on: the upload, and the one that asks.
  while (!(await (await fetch(`${running.url}/metrics`)).text()).includes('requests_active 2'));
  const stopped = running.stop(5000)
  resolve()
  expect((await put).status).toBe(201)
  await stopped
  expect(fetch(`${running.url}/v2/`)).rejects.toThrow()
})

test('a signal stops it', async () => {
  using dir = tempDir()
  const controller = new AbortController()
  const storage = openDirectoryStorage({ root: dir.path })
  const running = await serveRegistry({ config: { port: 0 }, storage }, { signal: controller.signal })
  controller.abort()
  await running.stop()
  expect(fetch(`${running.url}/v2/`)).rejects.toThrow()
})

test('one upload, each request at another server over the same directory', async () => {
  await using one = await startRegistry()
  await using two = await startRegistry({}, { root: one.root })
  await uploadInTurns([one.url, two.url], 2_000_000, 1)
  await uploadInTurns([one.url, two.url], 10_000_001, 7)
})

test('two servers over one directory see each other at once', async () => {
  await using one = await startRegistry()
  await using two = await startRegistry({}, { root: one.root })
  const images = await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map((i) => makeImage(`shared ${i >> 1}`, 3)))
  const pushed = await Promise.all(
    images.map((image, i) => pushImage(i % 2 ? one.url : two.url, 'app', 'latest', image)),
  )
  expect(pushed).toEqual(images.map(() => 201))
  const at = async (url: string): Promise<string | null> =>
    (await fetch(`${url}/v2/app/manifests/latest`)).headers.get('docker-content-digest')
  expect(await at(one.url)).toBe(await at(two.url))
  for (const { digest } of images)
    for (const { url } of [one, two]) expect(await pullImage(url, 'app', digest)).toBe(true)
  // An upload begun at one is ended at the other.
  const begun = await fetch(`${one.url}/v2/app/blobs/uploads/`, { method: 'POST' })
  const body = 'begun here, ended there'
  const target = `${two.url}${begun.headers.get('location')}?digest=${await digestOf(utf8(body))}`
  expect((await fetch(target, { method: 'PUT', body })).status).toBe(201)
})

test('over the store of an engine it removes no blob, and tells the engine what it holds', async () => {
  using dir = tempDir()
  {
    using db = openDatabase(join(dir.path, 'cairn.db'))
    db.schema('CREATE TABLE IF NOT EXISTS image(name TEXT)')
  }
  let time = Date.now() - 1e10
  await using registry = await startRegistry({}, { root: dir.path, now: () => time })
  const image = await makeImage('shared with an engine')
  expect(await pushImage(registry.url, 'app', 'v1', image)).toBe(201)
  await fetch(`${registry.url}/v2/app/manifests/${image.digest}`, { method: 'DELETE' })
  const again = await makeImage('kept')
  expect(await pushImage(registry.url, 'app', 'v2', again)).toBe(201)
  time += 5e9
  expect(await registry.running.collect()).toMatchObject({ links: 3, blobs: 0 })
  using db = openDatabase(join(dir.path, 'cairn.db'))
  const roots = registryRoots(db).map(({ digest }) => digest as string)
  expect(roots.toSorted()).toEqual([again.digest, ...again.blobs.map((b) => b.digest)].toSorted())
})

test('a request is a line of JSON without the query', async () => {
  using dir = tempDir()
  const argv = [process.execPath, join(import.meta.dir, 'child.ts'), dir.path, '{"log":"json"}']
  const child = Bun.spawn(argv, { stdout: 'pipe', stderr: 'pipe', stdin: 'ignore' })
  let url = ''
  for await (const chunk of child.stdout) if ((url += new TextDecoder().decode(chunk)).endsWith('\n')) break
  await fetch(`${url.trim()}/v2/app/tags/list?n=1&secret=hush`, { headers: { 'user-agent': 'test/1' } })
  child.kill()
  const [line = ''] = (await new Response(child.stderr).text()).split('\n')
  expect(JSON.parse(line)).toMatchObject({ method: 'GET', path: '/v2/app/tags/list', status: 404, agent: 'test/1' })
  expect(line).not.toContain('hush')
})

test('a storage is opened as its configuration says, with keys from the environment', async () => {
  using dir = tempDir()
  const wrong = (config: unknown, message: string): void => expect(() => openStorage(config, {})).toThrow(message)
  wrong({ kind: 'tape' }, 'kind')
  wrong({ kind: 'directory' }, 'root')
  wrong({ kind: 's3', endpoint: 'file:///x', bucket: 'b' }, 'endpoint')
  wrong({ kind: 's3', endpoint: 'http://x', bucket: 'b' }, 'accessKeyId is missing')
  const keys = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' }
  await openStorage({ kind: 's3', endpoint: 'http://127.0.0.1:1', bucket: 'b' }, keys)[Symbol.asyncDispose]()
  await using storage = openStorage({ kind: 'directory', root: join(dir.path, 'root') })
  await storage.check()
})
