import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { streamOf, utf8 } from '#base'
import { openLayout, type Target } from '#content'
import { describe as describeBytes, encodeDocument, MediaType, type Descriptor } from '#oci'
import { openRepository, putArtifact } from '#registry/client'
import { openDirectoryStorage, serveRegistry, type RunningRegistry } from '#registry/server'
import { failure, lacking, sampleImage, skipReason, startDockerRegistry, tempDir, type TempDir } from '#testkit'
import { openNode } from '../node.ts'
import type { Node } from '../types.ts'

let dir: TempDir
let node: Node
let registry: RunningRegistry

const path = (name: string): string => join(dir.path, name)
const host = (): string => `127.0.0.1:${registry.port}`

beforeAll(async () => {
  dir = tempDir()
  node = openNode({ root: path('root'), run: path('run') })
  registry = await serveRegistry({ config: { port: 0 }, storage: openDirectoryStorage({ root: path('registry') }) })
  mkdirSync(path('sub'))
  writeFileSync(path('one.json'), '{}')
  writeFileSync(path('sub/two.txt'), 'two')
})

afterAll(async () => {
  await node[Symbol.asyncDispose]()
  await registry.stop(0)
  dir[Symbol.dispose]()
})

async function imageAt(target: Target, tag = 'v1'): Promise<Descriptor> {
  const root = await sampleImage(target, { compression: 'gzip' })
  await target.tag(root, tag)
  return root
}

const sbom = (): { artifactType: string; files: { path: string; mediaType?: string }[] } => ({
  artifactType: 'application/spdx+json',
  files: [{ path: path('one.json'), mediaType: 'application/json' }, { path: path('sub/two.txt') }],
})

/** Attached, found, and read back: the same everywhere. */
async function roundTrip(name: string): Promise<void> {
  const attached = await node.artifacts.attach(name, { ...sbom(), annotations: { a: 'b' } })
  const again = await node.artifacts.attach(name, { ...sbom(), annotations: { a: 'b' } })
  expect(again).toEqual(attached)
  const other = await node.artifacts.attach(name, {
    artifactType: 'application/x-other',
    files: [],
    annotations: { c: '' },
  })
  const { subject, referrers } = await node.artifacts.discover(name)
  expect(referrers.map((r) => r.descriptor.digest).toSorted()).toEqual([attached.digest, other.digest].toSorted())
  const only = await node.artifacts.discover(name, { artifactType: 'application/spdx+json' })
  expect(only.referrers.map((r) => r.descriptor)).toMatchObject([{ digest: attached.digest, annotations: { a: 'b' } }])
  const place = name.replace(/:v1$/, '')
  const second = await node.artifacts.attach(`${place}@${attached.digest}`, {
    artifactType: 'a/b',
    files: [],
    annotations: {},
  })
  const tree = await node.artifacts.discover(name)
  const branch = tree.referrers.find((r) => r.descriptor.digest === attached.digest)!
  expect(branch.referrers.map((r) => r.descriptor.digest)).toEqual([second.digest])
  expect((await node.artifacts.discover(name, { depth: 1 })).referrers.flatMap((r) => r.referrers)).toEqual([])
  const out = path(`out-${subject.digest.slice(7, 12)}-${Math.random()}`)
  const pulled = await node.artifacts.pull(`${place}@${attached.digest}`, { directory: out })
  expect(pulled.files).toEqual(['one.json', 'two.txt'])
  expect(readFileSync(join(out, 'two.txt'), 'utf8')).toBe('two')
}

describe('artifacts', () => {
  test('are attached, discovered and pulled at a registry with a referrers API', async () => {
    await imageAt(openRepository(`${host()}/api/app`))
    await roundTrip(`${host()}/api/app:v1`)
  })

  const without = "are attached, discovered and pulled at Debian's docker-registry, which has no referrers API"
  test.skipIf(skipReason(without, lacking('docker-registry')))(without, async () => {
    await using peer = await startDockerRegistry()
    await imageAt(openRepository(`${peer.host}/tag/app`))
    await roundTrip(`${peer.host}/tag/app:v1`)
  })

  test('are attached, discovered and pulled in a layout', async () => {
    await imageAt(openLayout(path('layout'), { create: true }))
    await roundTrip(`oci:${path('layout')}:v1`)
  })

  test('are attached, discovered and pulled in the local store, go on from it, and go with their image', async () => {
    const source = openRepository(`${host()}/kept/app`)
    const root = await imageAt(source)
    const signature = await sampleImage(source, { label: 'signature', compression: 'gzip' })
    await source.tag(signature, `sha256-${root.digest.slice(7)}.sig`)
    const there = await node.artifacts.attach(`${host()}/kept/app:v1`, sbom())
    await node.images.pull(`${host()}/kept/app:v1`, { referrers: true })
    const name = `store://${host()}/kept/app`
    const here = await node.artifacts.attach(`${name}:v1`, { artifactType: 'a/here', files: [] })
    const listed = async (at: string): Promise<string[]> =>
      (await node.artifacts.discover(at)).referrers.map((r) => r.descriptor.digest).toSorted()
    const both = [there.digest, here.digest].toSorted()
    expect(await listed(`${name}:v1`)).toEqual(both)
    await node.system.prune({})
    const [copied] = await node.images.copy({ from: `${name}:v1`, to: `oci:${path('sent')}:v1`, referrers: true })
    expect(copied!.referrers).toBe(3)
    expect(await listed(`oci:${path('sent')}:v1`)).toEqual(both)
    await node.images.tag(`${host()}/kept/app:v1`, `${host()}/on/app:v1`)
    await node.images.push(`${host()}/on/app:v1`, { referrers: true })
    expect(await listed(`${host()}/on/app:v1`)).toEqual(both)
    const tied = openRepository(`${host()}/on/app`).resolve(`sha256-${root.digest.slice(7)}.sig`)
    expect((await tied).digest).toBe(signature.digest)
    // Without cosign's tags there, none is made up.
    const other = openLayout(path('bare'), { create: true })
    await other.tag(await sampleImage(other, { label: 'bare', compression: 'gzip' }), 'v1')
    await node.images.copy({ from: `oci:${path('bare')}:v1`, to: 'bare' })
    await node.images.copy({ from: 'bare', to: `docker://${host()}/bare/app:v1`, referrers: true })
    expect(await Array.fromAsync(openRepository(`${host()}/bare/app`).tags())).toEqual(['v1'])
    for (const image of ['kept', 'on']) await node.images.remove(`${host()}/${image}/app:v1`)
    const hex = there.digest.slice(7)
    expect(existsSync(path(`root/content/sha256/${hex.slice(0, 2)}/${hex}`))).toBe(false)
    await node.images.copy({ from: `oci:${path('sent')}:v1`, to: `${host()}/kept/app:v1` })
    expect(await listed(`${name}:v1`)).toEqual([])
    await node.images.copy({ from: `oci:${path('sent')}:v1`, to: `${host()}/kept/app:v1`, referrers: true })
    expect(await listed(`${name}:v1`)).toEqual(both)
  })

  test('belong to the image for a platform where one is asked for', async () => {
    const repository = openRepository(`${host()}/multi/app`)
    const platform = { os: 'linux', architecture: 'arm64' }
    const image = { ...(await sampleImage(repository, { platform, compression: 'gzip' })), platform }
    const index = await encodeDocument(MediaType.ociIndex, { schemaVersion: 2, manifests: [image] })
    await repository.put(index.descriptor, streamOf(index.bytes))
    await repository.tag(index.descriptor, 'v1')
    const name = `${host()}/multi/app:v1`
    const attached = await node.artifacts.attach(name, { ...sbom(), platform: 'linux/arm64' })
    expect((await node.artifacts.discover(name)).referrers).toEqual([])
    const found = await node.artifacts.discover(name, { platform: 'linux/arm64' })
    expect(found.subject.digest).toBe(image.digest)
    expect(found.referrers.map((r) => r.descriptor.digest)).toEqual([attached.digest])
  })

  test('stand alone under a name', async () => {
    const pushed = await node.artifacts.push(`${host()}/alone/chart:v1`, sbom())
    expect((await node.registries.manifest(`${host()}/alone/chart:v1`)).descriptor.digest).toBe(pushed.digest)
    await failure(node.images.pull(`${host()}/alone/chart:v1`), 'invalid_argument')
  })

  test('that cannot be are refused by name', async () => {
    const name = `${host()}/api/app:v1`
    const files = (...paths: string[]): ReturnType<typeof sbom> => ({
      artifactType: 'a/b',
      files: paths.map((p) => ({ path: p })),
    })
    await failure(node.artifacts.attach(name, files(path('none'))), 'not_found')
    await failure(node.artifacts.attach(name, files(path('sub'))), 'invalid_argument')
    await failure(node.artifacts.attach(name, files(path('one.json'), path('one.json'))), 'invalid_argument')
    await failure(node.artifacts.attach(`${host()}/api/none:v1`, sbom()), 'not_found')
    await failure(node.artifacts.attach('store://x', sbom()), 'not_found')
    await failure(node.artifacts.attach(`oci-archive:${path('x.tar')}`, sbom()), 'invalid_argument')
  })

  test('never write outside the directory, whatever their files are called', async () => {
    const repository = openRepository(`${host()}/evil/app`)
    const put = async (title: string): Promise<string> => {
      const { descriptor, bytes } = await describeBytes('text/plain', utf8('evil'))
      const annotations = { 'org.opencontainers.image.title': title }
      const file = { descriptor: { ...descriptor, annotations }, open: () => streamOf(bytes) }
      return (await putArtifact(repository, { artifactType: 'a/b', files: [file] })).digest
    }
    const directory = path('evil')
    mkdirSync(directory)
    symlinkSync(dir.path, join(directory, 'link'))
    for (const title of ['../outside', 'a/../../outside', '', '.', 'link/outside', 'nul\0'])
      await node.artifacts.pull(`${host()}/evil/app@${await put(title)}`, { directory }).then(
        () => expect(title).toBe('refused'),
        () => undefined,
      )
    // An absolute one means the directory, as in a tar; a link in its place is replaced, not followed.
    await node.artifacts.pull(`${host()}/evil/app@${await put('/outside')}`, { directory })
    await node.artifacts.pull(`${host()}/evil/app@${await put('link')}`, { directory })
    expect(readdirSync(directory).toSorted()).toEqual(
      ['a', 'link', 'outside'].filter((n) => existsSync(join(directory, n))),
    )
    expect(readFileSync(join(directory, 'link'), 'utf8')).toBe('evil')
    expect(existsSync(path('outside'))).toBe(false)
  })
})
