import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { CairnError, utf8 } from '#base'
import { openNode, type Node } from '#engine'
import { describe as describeBytes, encodeDocument, MediaType, type Descriptor, type EncodedDocument } from '#oci'
import { sampleImage, tempDir, type TempDir } from '#testkit'

// A registry that lies in every way there is, asked by whole verbs: each ends soon, in one line, and leaves nothing.

let dir: TempDir
let node: Node
let server: Bun.Server<undefined>
let answers: (path: string, request: Request) => Response | undefined
const documents = new Map<string, EncodedDocument>()
const blobs = new Map<string, Uint8Array>()
let image: Descriptor

beforeAll(async () => {
  dir = tempDir()
  node = openNode({ root: join(dir.path, 'root'), run: join(dir.path, 'run') })
  const put = async (d: Descriptor, bytes: AsyncIterable<Uint8Array>): Promise<void> => {
    const whole = Buffer.concat(await Array.fromAsync(bytes, (chunk) => Buffer.from(chunk)))
    if (d.mediaType === MediaType.ociManifest) documents.set(d.digest, { descriptor: d, bytes: whole })
    else blobs.set(d.digest, whole)
  }
  image = await sampleImage({ put }, { compression: 'gzip' })
  server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: (request) => {
      const { pathname } = new URL(request.url)
      return answers(pathname, request) ?? honest(pathname)
    },
  })
})

beforeEach(() => {
  answers = () => undefined
})

afterAll(async () => {
  await node[Symbol.asyncDispose]()
  await server.stop(true)
  dir[Symbol.dispose]()
})

function honest(path: string): Response {
  const [, kind, ref = ''] = /^\/v2\/a\/b\/(manifests|blobs)\/(.+)$/.exec(path) ?? []
  if (kind === 'manifests') {
    const document = documents.get(ref === 'v1' ? image.digest : ref)
    return document ? asManifest(document) : new Response(null, { status: 404 })
  }
  const blob = blobs.get(ref)
  return blob ? new Response(blob as Uint8Array<ArrayBuffer>) : new Response(null, { status: 404 })
}

function asManifest({ descriptor, bytes }: EncodedDocument): Response {
  return new Response(bytes as Uint8Array<ArrayBuffer>, {
    headers: { 'content-type': descriptor.mediaType, 'docker-content-digest': descriptor.digest },
  })
}

const name = (tag = 'v1'): string => `127.0.0.1:${server.port}/a/b:${tag}`
const layout = (): string => join(dir.path, `layout-${crypto.randomUUID()}`)

/** The verb fails with an error of ours, in one line; the store is as it was. */
async function refused(work: Promise<unknown>): Promise<CairnError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(CairnError)
  const { message } = error as CairnError
  expect(message).not.toMatch(/\p{Cc}/u)
  expect(message.length).toBeLessThan(600)
  expect(await node.images.list()).toEqual([])
  expect(await node.system.check()).toEqual([])
  return error as CairnError
}

async function added(value: object, mediaType: string = MediaType.ociIndex): Promise<Descriptor> {
  const document = await encodeDocument(mediaType, value)
  documents.set(document.descriptor.digest, document)
  return document.descriptor
}

const indexOf = (...manifests: readonly Descriptor[]): object => ({
  schemaVersion: 2,
  mediaType: MediaType.ociIndex,
  manifests,
})

describe('a lying registry', () => {
  test('layers and configs with other bytes, lengths or media types', async () => {
    const { layers, config } = JSON.parse(new TextDecoder().decode(documents.get(image.digest)!.bytes))
    const [layer] = layers as Descriptor[]
    const changed = (blob: Descriptor, make: (bytes: Uint8Array) => Uint8Array): typeof answers => {
      return (path) =>
        path.endsWith(blob.digest) ? new Response(make(blobs.get(blob.digest)!) as Uint8Array<ArrayBuffer>) : undefined
    }
    for (const blob of [config as Descriptor, layer!])
      for (const make of [
        (bytes: Uint8Array) => bytes.map((byte, i) => (i === 20 ? byte ^ 1 : byte)),
        (bytes: Uint8Array) => Buffer.concat([bytes, utf8('more')]),
      ]) {
        answers = changed(blob, make)
        await refused(node.images.pull(name()))
        await refused(node.images.copy({ from: `docker://${name()}`, to: `oci:${layout()}:v1` }))
      }
    for (const size of [layer!.size + 1, layer!.size - 1, 2 ** 52, 0]) {
      const lie = await added(
        {
          schemaVersion: 2,
          mediaType: MediaType.ociManifest,
          config,
          layers: [{ ...layer, size }, ...layers.slice(1)],
        },
        MediaType.ociManifest,
      )
      answers = () => undefined
      await refused(node.images.pull(name().replace(':v1', `@${lie.digest}`)))
    }
  }, 60_000)

  test('manifests of another type, another digest, 100 MB, or none at all', async () => {
    const document = documents.get(image.digest)!
    const others: readonly Response[] = [
      asManifest({ ...document, descriptor: { ...document.descriptor, mediaType: MediaType.ociIndex } }),
      asManifest({ ...document, descriptor: { ...document.descriptor, digest: `sha256:${'0'.repeat(64)}` } }),
      asManifest({ ...document, bytes: new Uint8Array(100_000_000) }),
      asManifest({ ...document, bytes: utf8('['.repeat(100_000)) }),
      asManifest({ ...document, bytes: utf8('\x1b[2J{') }),
      new Response('<html>log in</html>', { headers: { 'content-type': 'text/html' } }),
    ]
    for (const [i, other] of others.entries()) {
      answers = (path) => (path.includes('/manifests/') ? (other.clone() as Response) : undefined)
      // Wrong bytes are asked for again before they are given up: one verb has to do.
      await refused(i % 2 === 0 ? node.images.pull(name()) : node.registries.manifest(name()))
    }
  }, 60_000)

  test('redirects that go in a circle, on for ever, or to where nobody may be sent', async () => {
    const targets = [
      (path: string) => path,
      (path: string) => `${path}?${crypto.randomUUID()}`,
      () => 'file:///etc/passwd',
      () => 'ftp://x/y',
      () => 'not a url at all \x01',
    ]
    for (const target of targets) {
      answers = (path) => new Response(null, { status: 307, headers: { location: encodeURI(target(path)) } })
      await refused(node.images.pull(name()))
    }
    answers = (path) =>
      path.includes('/blobs/') ? new Response(null, { status: 302, headers: { location: path } }) : undefined
    await refused(node.images.copy({ from: `docker://${name()}`, to: `oci-archive:${join(dir.path, 'x.tar')}` }))
    expect(existsSync(join(dir.path, 'x.tar'))).toBe(false)
  }, 60_000)

  test('indexes a hundred deep, of ten thousand images, and of themselves by another name', async () => {
    let deep = image
    for (let i = 0; i < 100; i++) deep = await added(indexOf(deep))
    const platform = { os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : 'arm64' }
    const wide = await added(indexOf(...Array.from({ length: 10_001 }, () => ({ ...image, platform }))))
    const absent = await added(indexOf({ ...image, digest: `sha256:${'1'.repeat(64)}`, platform }))
    for (const { digest } of [deep, wide, absent]) {
      const at = name().replace(':v1', `@${digest}`)
      await refused(node.images.pull(at))
      await refused(node.images.copy({ from: `docker://${at}`, to: `oci:${layout()}:v1` }))
    }
  }, 60_000)

  test('referrers that name each other, are none, or never end', async () => {
    const note = async (subject: Descriptor, label: string): Promise<Descriptor> => {
      const config = await describeBytes(MediaType.ociEmpty, utf8('{}'))
      blobs.set(config.descriptor.digest, config.bytes)
      const { mediaType, digest, size } = subject
      const manifest = {
        schemaVersion: 2,
        mediaType: MediaType.ociManifest,
        artifactType: 'a/b',
        config: config.descriptor,
        layers: [],
        subject: { mediaType, digest, size },
        annotations: { label },
      }
      return added(manifest, MediaType.ociManifest)
    }
    const first = await note(image, 'first')
    const second = await note(first, 'second')
    // Whatever is asked about, everything is said to refer to it; only two really do.
    answers = (path) =>
      path.includes('/referrers/')
        ? Response.json(indexOf(first, second, image, first), { headers: { 'content-type': MediaType.ociIndex } })
        : undefined
    const { referrers } = await node.artifacts.discover(name())
    expect(referrers.map((r) => [r.descriptor.digest, r.referrers.length])).toEqual([[first.digest, 1]])
    const to = layout()
    const [copied] = await node.images.copy({ from: `docker://${name()}`, to: `oci:${to}:v1`, referrers: true })
    expect(copied!.referrers).toBe(2)
    let pages = 0
    answers = (path, request) => {
      if (!path.includes('/referrers/')) return undefined
      const next = `<${path}?n=${++pages}>; rel="next"`
      return Response.json(indexOf(), {
        headers: { link: pages < 30_000 ? next : '', 'content-type': MediaType.ociIndex, via: request.method },
      })
    }
    await refused(node.artifacts.discover(name()))
  }, 120_000)

  test('names that are none are refused before anybody is asked', async () => {
    let asked = 0
    answers = () => {
      asked++
      return undefined
    }
    const host = `127.0.0.1:${server.port}`
    const bad = [
      '/a/../b',
      '/a//b',
      '/A',
      '/a:',
      '/a:b c',
      '/a:\x00',
      '/a:x/y',
      '/a@sha256:zz',
      '/a?x',
      '/a#x',
      `/${'a/'.repeat(200)}b`,
      '/a%2fb',
      '/ä',
      '/a:-x',
      '/a@md5:00',
    ]
    for (const rest of bad) {
      const at = host + rest
      const verbs = [
        () => node.images.pull(at),
        () => node.registries.manifest(at),
        () => node.artifacts.discover(at),
        () => node.images.copy({ from: `docker://${at}`, to: 'x' }),
        () => node.images.copy({ from: `docker://${name()}`, to: `docker://${at}` }),
        () => node.indexes.create(at, { sources: [name()] }),
        () => Array.fromAsync(node.registries.tags(at)),
      ]
      for (const verb of verbs) expect([rest, (await refused(verb())).code]).toEqual([rest, 'invalid_argument'])
    }
    // Only of the image that was to go into an index.
    expect(asked).toBeLessThan(bad.length * 4)
    expect(readdirSync(join(dir.path, 'root/content/ingest')).filter((n) => n.startsWith('put-'))).toEqual([])
  }, 60_000)
})
