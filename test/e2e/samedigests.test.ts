import { Database } from 'bun:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { collect, streamOf } from '#base'
import { openLayout, readDocument } from '#content'
import { describe as describeBytes, encodeDocument, parseManifest, type Descriptor, type Digest } from '#oci'
import { openRepository } from '#registry/client'
import { openDirectoryStorage, serveRegistry, type RunningRegistry } from '#registry/server'
import { cairnNode, needsRoot, sampleImage, skipReason, tempDir, type TempDir, type TestNode } from '#testkit'

// What is pulled is pushed with the same digests, whatever was here before; what is here by diff ID is not fetched.

const skip = skipReason('digests on several machines', needsRoot())
const env = { SOURCE_DATE_EPOCH: '0' }

let dir: TempDir
let registry: RunningRegistry
/** An image whose layers were compressed by something else. */
let foreign: Descriptor

const path = (name: string): string => join(dir.path, name)
const at = (name: string): string => `127.0.0.1:${registry.port}/${name}`

function served(name: string): Promise<RunningRegistry> {
  return serveRegistry({ config: { port: 0 }, storage: openDirectoryStorage({ root: path(name) }) })
}

beforeAll(async () => {
  if (skip) return
  dir = tempDir()
  registry = await served('registry')
  const plain = openLayout(path('plain'), { create: true })
  await plain.tag(await sampleImage(plain), 'v1')
  const repository = openRepository(at('base'))
  const root = await sampleImage(repository, { compression: 'gzip' })
  const { bytes } = await repository.document(root.digest)
  const manifest = parseManifest(bytes, root.mediaType)
  const layers: Descriptor[] = []
  for (const layer of manifest.layers) {
    const tar = gunzipSync(await collect(await repository.open(layer), 1 << 24))
    const blob = await describeBytes(layer.mediaType, new Uint8Array(gzipSync(tar, { level: 9 })))
    await repository.put(blob.descriptor, streamOf(blob.bytes))
    layers.push(blob.descriptor)
  }
  const encoded = await encodeDocument(root.mediaType, { ...manifest, layers })
  foreign = encoded.descriptor
  await repository.put(foreign, streamOf(encoded.bytes))
  await repository.tag(foreign, 'v1')
})

afterAll(async () => {
  if (skip) return
  await registry.stop(0)
  dir[Symbol.dispose]()
})

/** A node that has the layers' tars, and has pulled the image that lists them compressed. */
async function withTars(): Promise<TestNode> {
  const node = await cairnNode({ busybox: false })
  await node.must(['copy', `oci:${path('plain')}:v1`, 'plain'])
  await node.must(['pull', at('base:v1')])
  return node
}

async function layersOf(root: Descriptor, where: string): Promise<readonly Descriptor[]> {
  const repository = openRepository(where)
  return parseManifest(await readDocument(repository, root), root.mediaType).layers
}

function hasBlob(node: TestNode, { digest }: Pick<Descriptor, 'digest'>): boolean {
  return existsSync(join(node.root, 'content/sha256', digest.slice(7, 9), digest.slice(7)))
}

/** Like ssh to a node, without one. */
function clientOf(node: TestNode): Record<string, string> {
  const client = path(`ssh-${crypto.randomUUID()}`)
  writeFileSync(client, `#!/bin/sh\nshift 3\n[ "$1" = serve ] || exit 126\nexec ${node.argv([]).join(' ')} "$@"\n`)
  chmodSync(client, 0o755)
  return { CAIRN_SSH: client }
}

const idOf = (node: TestNode, name: string): Promise<string> => node.must(['inspect', '--format', '{{.Id}}', name])

function forgetBlobs(node: TestNode): void {
  const db = new Database(join(node.root, 'cairn.db'))
  db.run('DELETE FROM layer_blob')
  db.close()
}

const digestOf = async (name: string): Promise<string> => (await openRepository(name).resolve('v1')).digest

async function pushed(node: TestNode, name: string, to: RunningRegistry, as: string): Promise<string> {
  const there = `127.0.0.1:${to.port}/${as}`
  await node.must(['tag', name, `${there}:v1`])
  await node.must(['push', `${there}:v1`])
  return digestOf(there)
}

describe.skipIf(skip)('an image of which the tars were here before its pull', () => {
  test('is pushed as it was pulled, and so is what is built on it', async () => {
    await using tars = await withTars()
    await using clean = await cairnNode({ busybox: false })
    await clean.must(['pull', at('base:v1')])
    const layers = await layersOf(foreign, at('base'))
    expect(layers.map((layer) => [hasBlob(tars, layer), hasBlob(clean, layer)])).toEqual(
      layers.map(() => [false, true]),
    )
    const fresh = await served('fresh')
    try {
      mkdirSync(path('context'))
      writeFileSync(path('context/file'), 'one')
      writeFileSync(path('context/Dockerfile'), `FROM ${at('base:v1')}\nCOPY file /file\n`)
      const digests: string[] = []
      for (const [i, node] of [tars, clean].entries()) {
        expect(await pushed(node, at('base:v1'), fresh, `base${i}`)).toBe(foreign.digest)
        await node.must(['build', '-q', '-t', 'app', path('context')], { env })
        digests.push(
          await node.must(['inspect', '--format', '{{.Id}}', 'app']),
          await pushed(node, 'app', fresh, `app${i}`),
        )
      }
      expect(digests.slice(0, 2)).toEqual(digests.slice(2))
    } finally {
      await fresh.stop(0)
    }
  }, 60_000)

  test('is mounted from where it was met, within one registry', async () => {
    await using tars = await withTars()
    await tars.must(['tag', at('base:v1'), at('other:v1')])
    // The name under which it came is gone: only its layers remember.
    await tars.must(['rmi', at('base:v1')])
    expect(await tars.must(['push', at('other:v1')])).toContain('Mounted from base')
    expect(await digestOf(at('other'))).toBe(foreign.digest)
  }, 60_000)

  test('goes over SSH both ways, and on from there', async () => {
    await using near = await withTars()
    await using far = await cairnNode({ busybox: false })
    await near.must(['tag', at('base:v1'), 'base:v1'])
    await near.must(['push', 'ssh://far/base:v1'], { env: clientOf(far) })
    const layers = await layersOf(foreign, at('base'))
    expect(layers.map((layer) => hasBlob(far, layer))).toEqual(layers.map(() => true))
    await using third = await cairnNode({ busybox: false })
    await third.must(['pull', 'ssh://near/base:v1'], { env: clientOf(near) })
    expect(layers.map((layer) => hasBlob(third, layer))).toEqual(layers.map(() => true))
    // One that has the tars moves nothing, and fetches over SSH what it then pushes.
    await using fourth = await cairnNode({ busybox: false })
    await fourth.must(['copy', `oci:${path('plain')}:v1`, 'plain'])
    await fourth.must(['pull', 'ssh://third/base:v1'], { env: clientOf(third) })
    expect(layers.map((layer) => hasBlob(fourth, layer))).toEqual(layers.map(() => false))
    await fourth.must(['tag', 'base:v1', at('fourth:v1')])
    await fourth.must(['push', at('fourth:v1')], { env: clientOf(third) })
    expect(await digestOf(at('fourth'))).toBe(foreign.digest)
  }, 60_000)

  test('goes over SSH as tars where nobody has its blobs; elsewhere its layers are made anew, and a line says so', async () => {
    const source = await served('registry')
    await using near = await cairnNode({ busybox: false })
    await near.must(['copy', `oci:${path('plain')}:v1`, 'plain'])
    await near.must(['pull', `127.0.0.1:${source.port}/base:v1`])
    await near.must(['tag', `127.0.0.1:${source.port}/base:v1`, 'base:v1'])
    await source.stop(0)
    await using far = await cairnNode({ busybox: false })
    await near.must(['push', 'ssh://far/base:v1'], { env: clientOf(far) })
    await using third = await cairnNode({ busybox: false })
    await third.must(['pull', 'ssh://near/base:v1'], { env: clientOf(near) })
    for (const node of [far, third]) {
      expect(await node.must(['images', '--digests', '-q', '--no-trunc'])).toBe(
        await near.must(['images', '--digests', '-q', '--no-trunc', 'base:v1']),
      )
      expect((await node.must(['system', 'check'])).trim()).toBe('Everything stored is what it should be.')
      await node.must(['tag', 'base:v1', at('lost:v1')])
      const { code, stderr } = await node.cairn(['push', at('lost:v1')], { env: clientOf(near) })
      const anew = /2 layers are here as tars alone .* compressed anew, as (sha256:\S+) in place of (sha256:\S+)\n/
      expect([code, stderr]).toEqual([0, expect.stringMatching(anew)])
      expect(anew.exec(stderr)!.slice(1)).toEqual([await digestOf(at('lost')), foreign.digest])
      await node.must(['rmi', at('lost:v1')])
    }
    // The same layers, and so the same image by its ID.
    await using fresh = await cairnNode({ busybox: false })
    await fresh.must(['pull', at('lost:v1')])
    expect(await idOf(fresh, at('lost:v1'))).toBe(await idOf(near, 'base:v1'))
  }, 60_000)

  test('is saved where nobody has its blobs: uncompressed, and a line says under which digest', async () => {
    for (const recorded of [true, false]) {
      const source = await served('registry')
      const name = `127.0.0.1:${source.port}/base:v1`
      await using node = await cairnNode({ busybox: false })
      await node.must(['copy', `oci:${path('plain')}:v1`, 'plain'])
      await node.must(['pull', name])
      // As a version left it that did not write down where layers were met.
      if (!recorded) forgetBlobs(node)
      // While somebody has them, they go out as they are.
      const asItWas = await node.cairn(['save', '-o', path('as-it-was.tar'), name])
      expect([asItWas.code, asItWas.stderr]).toEqual([0, ''])
      await source.stop(0)
      if (!recorded) forgetBlobs(node)
      writeFileSync(path('Dockerfile'), `FROM ${name}\nENV a=b\n`)
      await node.must(['build', '-q', '-t', 'on-it', '-f', path('Dockerfile'), '--network', 'none', dir.path])
      // A build that does not know where its base's blobs are lists the tars itself.
      for (const image of recorded ? [name, 'on-it'] : [name]) {
        const saved = await node.cairn(['save', '-o', path('saved.tar'), image])
        const line = /2 layers are here as tars alone .* uncompressed, as (sha256:\S+) in place of sha256:\S+\n/
        expect([image, saved.code, saved.stderr]).toEqual([image, 0, expect.stringMatching(line)])
        const digest = line.exec(saved.stderr)![1] as Digest
        await node.must(['copy', '-q', `oci-archive:${path('saved.tar')}`, `oci:${path(`out-${recorded}`)}:v1`])
        expect((await openLayout(path(`out-${recorded}`)).resolve('v1')).digest).toBe(digest)
        const copied = await node.cairn(['copy', '-q', image, `oci-archive:${path('copied.tar')}:v1`])
        expect([copied.code, copied.stdout.trim(), copied.stderr]).toEqual([0, digest, expect.stringMatching(line)])
        await using fresh = await cairnNode({ busybox: false })
        for (const file of ['saved.tar', 'copied.tar']) await fresh.must(['load', '-i', path(file)])
        expect(await idOf(fresh, image)).toBe(await idOf(node, image))
        expect((await fresh.must(['system', 'check'])).trim()).toBe('Everything stored is what it should be.')
      }
    }
  }, 120_000)

  test('is pushed though nobody wrote down where it came from: its name says it', async () => {
    await using node = await withTars()
    await node.must(['tag', at('base:v1'), at('renamed:v1')])
    forgetBlobs(node)
    expect(await node.must(['push', at('renamed:v1')])).toContain('Mounted from base')
    const fresh = await served('unaware')
    try {
      forgetBlobs(node)
      expect(await pushed(node, at('base:v1'), fresh, 'base')).toBe(foreign.digest)
    } finally {
      await fresh.stop(0)
    }
  }, 60_000)
})

describe.skipIf(skip)('a base', () => {
  test('that was built here, and one that was pulled, make the same images', async () => {
    await using builder = await cairnNode({ busybox: false })
    await using puller = await cairnNode({ busybox: false })
    mkdirSync(path('base'))
    writeFileSync(path('base/file'), 'base')
    writeFileSync(path('base/Dockerfile'), 'FROM scratch\nCOPY file /base\n')
    await builder.must(['build', '-q', '-t', at('built:v1'), path('base')], { env })
    await builder.must(['push', at('built:v1')])
    await puller.must(['pull', at('built:v1')])
    writeFileSync(path('base/Dockerfile'), `FROM ${at('built:v1')}\nCOPY file /more\n`)
    const digests: string[] = []
    for (const [i, node] of [builder, puller].entries()) {
      await node.must(['build', '-q', '-t', 'app', path('base')], { env })
      digests.push(await pushed(node, 'app', registry, `on${i}`))
    }
    expect(digests[0]).toBe(digests[1]!)
    // One that has the tar and knows the blob alone: where nobody answers, the tar compressed again is the blob.
    await using tars = await cairnNode({ busybox: false })
    const gone = await served('registry')
    const name = `127.0.0.1:${gone.port}/built:v1`
    await builder.must(['copy', `store://${at('built:v1')}`, `oci:${path('built')}:v1`])
    await tars.must(['copy', `oci:${path('built')}:v1`, 'plain'])
    await tars.must(['pull', name])
    await gone.stop(0)
    expect(await pushed(tars, name, registry, 'again')).toBe(await digestOf(at('built')))
  }, 60_000)
})
