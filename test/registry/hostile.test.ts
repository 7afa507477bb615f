import { describe, expect, test } from 'bun:test'
import { readFileSync, readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import { utf8 } from '#base'
import { digestOf, MediaType } from '#oci'
import type { RegistryConfig } from '#registry/server'
import { lacking, must, needsRoot, patterned, skipReason, tempDir } from '#testkit'
import { makeImage, pullImage, pushImage, putManifest } from './images.ts'
import { startRegistry } from './server.ts'

interface Child extends AsyncDisposable {
  readonly url: string
  readonly pid: number
  kill(): Promise<void>
}

async function spawnRegistry(root: string, config: RegistryConfig = {}): Promise<Child> {
  const argv = [process.execPath, join(import.meta.dir, 'child.ts'), root, JSON.stringify(config)]
  const child = Bun.spawn(argv, { stdout: 'pipe', stderr: 'inherit', stdin: 'ignore' })
  let url = ''
  for await (const chunk of child.stdout) {
    url += new TextDecoder().decode(chunk)
    if (url.endsWith('\n')) break
  }
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await child.exited
  }
  return { url: url.trim(), pid: child.pid, kill, [Symbol.asyncDispose]: kill }
}

async function begin(url: string, name = 'app'): Promise<string> {
  const begun = await fetch(`${url}/v2/${name}/blobs/uploads/`, { method: 'POST' })
  expect(begun.status).toBe(202)
  return begun.headers.get('location')!
}

const reached = async (url: string): Promise<number> => {
  const status = await fetch(url)
  expect(status.status).toBe(204)
  return Number(/^0-(\d+)$/.exec(status.headers.get('range')!)![1]) + 1
}

/** Writes to a socket and answers with what came until the other end, or `until`, ended it. */
async function raw(url: string, text: string, until: (got: string) => boolean = () => false): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  const { promise, resolve } = Promise.withResolvers<string>()
  let got = ''
  socket.on('data', (chunk) => {
    got += chunk.toString('latin1')
    if (until(got)) socket.destroy()
  })
  socket.on('close', () => resolve(got))
  socket.on('error', () => resolve(got))
  socket.write(text, 'latin1')
  return promise
}

describe('crashes', () => {
  test('kill -9 in the middle of an upload: it goes on where it stopped, nothing torn is served', async () => {
    using dir = tempDir()
    const bytes = patterned(3_000_000) as Uint8Array<ArrayBuffer>
    const digest = await digestOf(bytes)
    let location = ''
    {
      await using first = await spawnRegistry(dir.path)
      location = await begin(first.url)
      const patch = { method: 'PATCH', body: bytes.subarray(0, 1_000_000), headers: { 'content-range': '0-999999' } }
      expect((await fetch(first.url + location, patch)).status).toBe(202)
      // A second chunk is on its way when the server dies.
      const { promise: arrived, resolve } = Promise.withResolvers<void>()
      async function* half(): AsyncGenerator<Uint8Array> {
        yield bytes.slice(1_000_000, 1_700_000)
        resolve()
        await new Promise(() => undefined)
      }
      void fetch(first.url + location, { method: 'PATCH', body: half() as never }).catch(() => undefined)
      await arrived
      await first.kill()
    }
    await using second = await spawnRegistry(dir.path)
    expect((await fetch(`${second.url}/v2/app/blobs/${digest}`)).status).toBe(404)
    const at = await reached(second.url + location)
    expect(at).toBeLessThanOrEqual(1_700_000)
    const rest = await fetch(`${second.url}${location}?digest=${digest}`, { method: 'PUT', body: bytes.subarray(at) })
    expect(rest.status).toBe(201)
    expect(await (await fetch(`${second.url}/v2/app/blobs/${digest}`)).bytes()).toEqual(bytes)
  })

  test('kill -9 among pushes: what was acknowledged is whole', async () => {
    using dir = tempDir()
    const acknowledged: string[] = []
    for (let round = 0; round < 3; round++) {
      await using server = await spawnRegistry(dir.path)
      const pushes = Array.from({ length: 12 }, async (_, i) => {
        const image = await makeImage(`round ${round} image ${i}`)
        const status = await pushImage(server.url, `app${i % 3}`, `t${round}-${i}`, image).catch(() => 0)
        if (status === 201) acknowledged.push(`app${i % 3} t${round}-${i}`)
        if (acknowledged.length >= (round + 1) * 4) void server.kill()
      })
      await Promise.all(pushes)
    }
    expect(acknowledged.length).toBeGreaterThanOrEqual(12)
    await using last = await spawnRegistry(dir.path)
    for (const at of acknowledged) {
      const [name, tag] = at.split(' ')
      expect(await pullImage(last.url, name!, tag!)).toBe(true)
    }
    // Half-written documents go with the next gc; uploads wait a day for whoever goes on with them.
    await using sweeping = await startRegistry({}, { root: dir.path })
    await sweeping.running.collect()
    expect(readdirSync(join(dir.path, 'content/ingest')).filter((name) => name.startsWith('put-'))).toEqual([])
  })
})

describe('bodies', () => {
  test('one that breaks off leaves an upload that goes on', async () => {
    await using registry = await startRegistry()
    const { url, host } = registry
    const bytes = patterned(50_000) as Uint8Array<ArrayBuffer>
    const location = await begin(url)
    const head = `PATCH ${location} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 50000\r\n\r\n`
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    socket.write(head)
    await new Promise<void>((resolve) => socket.write(bytes.subarray(0, 20_000), () => resolve()))
    socket.destroy()
    await new Promise<void>((resolve) => socket.on('close', () => resolve()))
    const at = await reached(url + location)
    expect(at).toBeLessThanOrEqual(20_000)
    const digest = await digestOf(bytes)
    const from = at === 1 ? 0 : at
    const put = { method: 'PUT', body: bytes.subarray(from), headers: { 'content-range': `${from}-49999` } }
    let finished = await fetch(`${url}${location}?digest=${digest}`, put)
    if (finished.status === 416)
      finished = await fetch(`${url}${location}?digest=${digest}`, { method: 'PUT', body: bytes.subarray(1) })
    expect(finished.status).toBe(201)
  })

  test('one that trickles is given up', async () => {
    await using registry = await startRegistry({ limits: { stallSeconds: 0.05 } })
    const { url, host } = registry
    const location = await begin(url)
    const head = `PATCH ${location} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 50000\r\n\r\nx`
    expect(await raw(url, head, (got) => got.includes('\r\n\r\n'))).toStartWith('HTTP/1.1 408')
    expect(await reached(url + location)).toBe(1)
  })

  test('lengths that contradict each other are refused', async () => {
    await using registry = await startRegistry()
    const { url } = registry
    const send = async (headers: Record<string, string>, body = 'hello'): Promise<number> =>
      (await fetch(url + (await begin(url)), { method: 'PATCH', headers, body })).status
    expect(await send({ 'content-range': '0-3' })).toBe(400)
    expect(await send({ 'content-range': '0-9' })).toBe(400)
    expect(await send({ 'content-range': '4-0' })).toBe(416)
    expect(await send({ 'content-range': 'bytes */5' })).toBe(416)
    expect(await send({ 'content-range': '0-99999999999999999999' })).toBe(416)
    expect(await send({ 'content-range': '0-4' })).toBe(202)
    expect(await send({ 'content-range': 'bytes 0-4/5' })).toBe(202)
  })

  test('a manifest of 100 MB is refused before it is read, also without its length', async () => {
    await using registry = await startRegistry()
    const { url, host } = registry
    const head = `PUT /v2/app/manifests/x HTTP/1.1\r\nHost: ${host}\r\nContent-Type: ${MediaType.ociManifest}\r\n`
    const done = (got: string): boolean => got.includes('}')
    expect(await raw(url, `${head}Content-Length: 104857600\r\n\r\n{`, done)).toStartWith('HTTP/1.1 413')
    let sent = 0
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (; sent < 100; sent++) yield new Uint8Array(1 << 20).fill(0x20)
    }
    const headers = { 'content-type': MediaType.ociManifest }
    const put = await fetch(`${url}/v2/app/manifests/x`, { method: 'PUT', body: endless() as never, headers }).catch(
      () => undefined,
    )
    expect(put?.status ?? 413).toBe(413)
    expect(sent).toBeLessThan(60)
  })
})

describe('documents', () => {
  test('indexes nested 100 deep and referrers in a ring cost nothing', async () => {
    await using registry = await startRegistry({
      references: 'none',
      retention: [{ repositories: ['**'], untaggedDays: 1 }],
    })
    const { url } = registry
    const put = async (
      members: object,
      reference?: string,
    ): Promise<{ mediaType: string; digest: string; size: number }> => {
      const bytes = utf8(JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, ...members }))
      const digest = await digestOf(bytes)
      const type = { 'content-type': MediaType.ociIndex }
      expect((await putManifest(url, 'app', reference ?? digest, bytes, type)).status).toBe(201)
      return { mediaType: MediaType.ociIndex, digest, size: bytes.length }
    }
    let top = await put({ manifests: [] })
    for (let i = 0; i < 100; i++) top = await put({ manifests: [top, top] }, i === 99 ? 'deep' : undefined)
    // No ring of digests can be made, but one of subject and child can.
    const child = await put({ manifests: [], annotations: { of: 'a ring' } })
    const parent = await put({ manifests: [child], subject: child })
    await put({ manifests: [parent], subject: parent }, 'ring')
    expect((await registry.running.collect()).manifests).toBe(0)
    const listed = await (await fetch(`${url}/v2/app/referrers/${child.digest}`)).json()
    expect(listed).toMatchObject({ manifests: [{ digest: parent.digest }] })
  })

  test('JSON made to hurt is refused', async () => {
    await using registry = await startRegistry()
    const image = await makeImage('types')
    const documents = [
      '['.repeat(100_000),
      `{"schemaVersion":2,"x":${'['.repeat(1000)}${']'.repeat(1000)}}`,
      '{"schemaVersion":2,"mediaType":{},"config":{},"layers":[]}',
      '{"schemaVersion":2,"config":{"mediaType":"a/b","digest":"sha256:../../../x","size":1},"layers":[]}',
      '{"schemaVersion":2,"config":null,"layers":null,"manifests":null}',
      '{"schemaVersion":1,"fsLayers":[]}',
      '{"schemaVersion":2,"__proto__":{"config":{}},"layers":[]}',
      '\u0000',
      '',
    ]
    for (const document of documents) {
      const { status } = await putManifest(registry.url, 'app', 'x', utf8(document))
      expect([document.slice(0, 80), status]).toEqual([document.slice(0, 80), 400])
    }
    for (const type of [
      MediaType.ociIndex,
      MediaType.dockerManifest,
      'text/html',
      'application/vnd.oci.image.manifest.v2+json',
    ])
      expect((await putManifest(registry.url, 'app', 'x', image.manifest, { 'content-type': type })).status).toBe(400)
  })
})

describe('names', () => {
  test('nothing that a path can say leads out of the store or fails the server', async () => {
    using dir = tempDir()
    await using registry = await startRegistry({}, { root: join(dir.path, 'store') })
    const { url, host } = registry
    const before = readdirSync(dir.path)
    const piece = fc.constantFrom(
      '..',
      '.',
      '%2e%2e',
      '%2f',
      '%00',
      '%ff',
      'a',
      'A',
      '_',
      'sha256:',
      ':',
      '@',
      '~',
      'é',
      'uploads',
      'x'.repeat(300),
      '',
    )
    const path = fc.array(piece, { maxLength: 6 }).map((p) => p.join('/'))
    const method = fc.constantFrom('GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE', 'OPTIONS', 'BREW')
    const verb = fc.constantFrom('manifests', 'blobs', 'blobs/uploads', 'tags', 'referrers', '')
    await fc.assert(
      fc.asyncProperty(method, path, verb, path, async (m, name, v, reference) => {
        const target = `/v2/${name}/${v}/${reference}`.replaceAll('é', '%C3%A9')
        const got = await raw(
          url,
          `${m} ${target} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
        )
        expect([target, got.slice(0, 12)]).toEqual([target, expect.stringMatching(/^(HTTP\/1\.1 [1234])?/)])
        expect(got.slice(0, 12)).not.toMatch(/^HTTP\/1\.1 5/)
      }),
      { numRuns: 300 },
    )
    expect(readdirSync(dir.path)).toEqual(before)
    expect((await fetch(`${url}/v2/`)).status).toBe(200)
  })

  test('a request without a host, or with one that is none, is no failure of the server', async () => {
    await using registry = await startRegistry({ log: 'json' })
    const status = async (head: string): Promise<string> => (await raw(registry.url, `${head}\r\n\r\n`)).slice(9, 12)
    // As haproxy asks whether a server is well.
    for (const path of ['/readyz', '/healthz', '/v2/']) expect(await status(`GET ${path} HTTP/1.0`)).toBe('200')
    for (const host of ['a b', '[', 'a/b', ':::', '\u00e9'])
      expect([host, await status(`GET /v2/ HTTP/1.1\r\nHost: ${host}\r\nConnection: close`)]).toEqual([
        host,
        expect.stringMatching(/^[24]/),
      ])
  })

  test('tags at the edges of the grammar', async () => {
    await using registry = await startRegistry()
    const image = await makeImage('tags')
    await pushImage(registry.url, 'app', image.digest, image)
    const status = async (tag: string): Promise<number> =>
      (await putManifest(registry.url, 'app', encodeURIComponent(tag), image.manifest)).status
    for (const tag of ['a', '_', '0', 'A.b-c_d', 'x'.repeat(128)]) expect([tag, await status(tag)]).toEqual([tag, 201])
    for (const tag of ['.a', '-a', 'a b', 'a:b', 'a/b', 'é', 'x'.repeat(129), 'a\u0000', 'a\n', '*', 'a@b'])
      expect([tag, (await status(tag)) >= 400]).toEqual([tag, true])
  })

  test('every character in a tag and in a name: what the grammar has not is refused', async () => {
    await using registry = await startRegistry()
    const image = await makeImage('characters')
    await pushImage(registry.url, 'app', 'v1', image)
    const wrong: string[] = []
    for (let code = 0; code < 256; code++) {
      const character = String.fromCharCode(code)
      const tag = `a${character}b`
      const tagged = await putManifest(registry.url, 'app', encodeURIComponent(tag), image.manifest)
      if (tagged.status !== (/^[A-Za-z0-9_.-]$/.test(character) ? 201 : 400))
        wrong.push(`tag ${code}: ${tagged.status}`)
      const name = encodeURIComponent(`a${character}b`)
      const listed = await fetch(`${registry.url}/v2/${name}/tags/list`)
      // There is no such repository, or there can be none.
      if (listed.status !== (/^[a-z0-9_./-]$/.test(character) ? 404 : 400)) wrong.push(`name ${code}: ${listed.status}`)
    }
    expect(wrong).toEqual([])
  })
})

describe('load', () => {
  test('a thousand pulls at once', async () => {
    await using registry = await startRegistry()
    const image = await makeImage('popular')
    await pushImage(registry.url, 'app', 'v1', image)
    const pulled = await Promise.all(Array.from({ length: 1000 }, () => pullImage(registry.url, 'app', 'v1')))
    expect(pulled.filter(Boolean).length).toBe(1000)
  }, 60_000)

  test('a large blob goes in and out in flat memory', async () => {
    using dir = tempDir()
    await using server = await spawnRegistry(dir.path)
    const size = 600 * 1024 * 1024
    const chunk = patterned(1 << 20)
    const hasher = new Bun.CryptoHasher('sha256')
    for (let i = 0; i < size >> 20; i++) hasher.update(chunk)
    const digest = `sha256:${hasher.digest('hex')}`
    let sent = 0
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        if (sent === size) return controller.close()
        sent += chunk.length
        controller.enqueue(chunk.slice())
      },
    })
    const location = await begin(server.url)
    const put = await fetch(`${server.url}${location}?digest=${digest}`, { method: 'PUT', body })
    expect(put.status).toBe(201)
    const got = await fetch(`${server.url}/v2/app/blobs/${digest}`)
    const check = new Bun.CryptoHasher('sha256')
    for await (const part of got.body!) check.update(part)
    expect(check.digest('hex')).toBe(digest.slice(7))
    const peak = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))![1]) / 1024
    expect(peak).toBeLessThan(150)
  }, 120_000)

  const FULL = 'a full disk refuses what does not fit and goes on'
  const skip = skipReason(FULL, needsRoot(), lacking('mount', 'umount'))
  test.skipIf(skip)(FULL, async () => {
    using dir = tempDir()
    await must(['mount', '-t', 'tmpfs', '-o', 'size=8m', 'cairn-full', dir.path])
    try {
      await using registry = await startRegistry({}, { root: dir.path })
      const { url } = registry
      const large = patterned(12_000_000)
      const location = await begin(url)
      const put = { method: 'PUT', body: large as Uint8Array<ArrayBuffer> }
      const full = await fetch(`${url}${location}?digest=${await digestOf(large)}`, put)
      expect(full.status).toBe(507)
      const said = await full.text()
      expect(JSON.parse(said)).toMatchObject({ errors: [{ code: 'UNKNOWN', message: 'the storage is full' }] })
      expect(said).not.toContain(dir.path)
      const image = await makeImage('small')
      expect(await pushImage(url, 'app', 'v1', image)).toBe(201)
      expect(await pullImage(url, 'app', 'v1')).toBe(true)
    } finally {
      await must(['umount', '-l', dir.path])
    }
  })
})
