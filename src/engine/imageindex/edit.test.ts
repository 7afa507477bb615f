import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { openLayout } from '#content'
import { MediaType, parseIndex, type Descriptor } from '#oci'
import { attach, openRepository } from '#registry/client'
import { openDirectoryStorage, serveRegistry, type RunningRegistry } from '#registry/server'
import { failure, sampleImage, tempDir, type TempDir } from '#testkit'
import { openNode } from '../node.ts'
import type { Node } from '../types.ts'

let dir: TempDir
let node: Node
let registry: RunningRegistry
const images = new Map<string, Descriptor>()

const host = (): string => `127.0.0.1:${registry.port}`
const path = (name: string): string => join(dir.path, name)

beforeAll(async () => {
  dir = tempDir()
  node = openNode({ root: path('root'), run: path('run') })
  // Whole indexes alone: an entry that was not brought would be refused.
  registry = await serveRegistry({ config: { port: 0 }, storage: openDirectoryStorage({ root: path('registry') }) })
  for (const architecture of ['amd64', 'arm64', 's390x']) {
    const repository = openRepository(`${host()}/from/${architecture}`)
    const platform = { os: 'linux', architecture }
    const image = await sampleImage(repository, { platform, label: architecture, compression: 'gzip' })
    await repository.tag(image, 'v1')
    images.set(architecture, image)
  }
})

afterAll(async () => {
  await node[Symbol.asyncDispose]()
  await registry.stop(0)
  dir[Symbol.dispose]()
})

const from = (architecture: string): string => `${host()}/from/${architecture}:v1`
const entriesOf = (bytes: Uint8Array): string[] =>
  parseIndex(bytes).manifests.map((d) => `${d.platform?.architecture} ${d.digest}`)
const entry = (architecture: string): string => `${architecture} ${images.get(architecture)!.digest}`

describe('indexes in a registry', () => {
  test('are made of images of other repositories, grow, shrink and are annotated in place', async () => {
    const name = `${host()}/team/app:v1`
    const made = await node.indexes.create(name, { sources: [from('amd64'), from('arm64')] })
    expect(entriesOf(made.bytes)).toEqual([entry('amd64'), entry('arm64')])
    const there = await openRepository(`${host()}/team/app`).document('v1')
    expect(there.descriptor.digest).toBe(made.root.digest)
    const grown = await node.indexes.edit(name, { add: { sources: [from('s390x')], annotations: { a: 'b' } } })
    expect(entriesOf(grown.bytes)).toEqual([entry('amd64'), entry('arm64'), entry('s390x')])
    const two = await node.indexes.edit(name, { keep: ['linux/amd64', 'linux/s390x'], to: `${host()}/team/two:v1` })
    expect(entriesOf(two.bytes)).toEqual([entry('amd64'), entry('s390x')])
    const removed = await node.indexes.edit(name, { remove: ['linux/s390x'] })
    expect(removed.root.digest).toBe(made.root.digest)
    const noted = await node.indexes.edit(name, { note: { annotations: { note: 'x' } } })
    expect(parseIndex(noted.bytes).annotations).toEqual({ note: 'x' })
    const back = await node.indexes.edit(name, { note: { annotations: { note: undefined } } })
    expect(back.root.digest).toBe(made.root.digest)
    await failure(node.indexes.edit(from('amd64'), { remove: ['linux/amd64'] }), 'failed_precondition')
  })

  test('of indexes are their images, for some platforms or all', async () => {
    const multi = `${host()}/team/multi:v1`
    await node.indexes.create(multi, { sources: [from('amd64'), from('arm64'), from('s390x')] })
    const again = await node.indexes.create(`oci:${path('made')}:v1`, { sources: [multi], platforms: ['linux/arm64'] })
    expect(entriesOf(again.bytes)).toEqual([entry('arm64')])
    expect(await openLayout(path('made')).has(images.get('arm64')!)).toBe(true)
    const tar = await node.indexes.create(`oci-archive:${path('made.tar')}:v1`, { sources: [multi, from('amd64')] })
    expect((await node.registries.manifest(`oci-archive:${path('made.tar')}`)).descriptor.digest).toBe(tar.root.digest)
    const local = await node.indexes.create('store://made', { sources: [from('amd64'), from('arm64')] })
    expect((await node.registries.manifest('store://made')).descriptor.digest).toBe(local.root.digest)
  })

  test('dry runs write nothing', async () => {
    const name = `${host()}/dry/app:v1`
    const made = await node.indexes.create(name, { sources: [from('amd64')], dryRun: true, mediaType: 'docker' })
    expect(made.root.mediaType).toBe(MediaType.dockerManifestList)
    await failure(node.registries.manifest(name), 'not_found')
  })

  test('hold artifacts by their type', async () => {
    const repository = openRepository(`${host()}/from/amd64`)
    const artifact = await attach(repository, images.get('amd64')!, { artifactType: 'application/x-note', files: [] })
    const sources = [from('amd64'), `${host()}/from/amd64@${artifact.digest}`]
    const made = await node.indexes.create(`${host()}/with/artifact:v1`, { sources, annotations: { a: 'b' } })
    expect(parseIndex(made.bytes).manifests[1]).toMatchObject({ artifactType: 'application/x-note' })
  })
})

describe('manifest lists made here', () => {
  test('are created, amended, annotated, shown, pushed and removed', async () => {
    const { drafts } = node.indexes
    const list = `${host()}/lists/app:v1`
    expect(await drafts.create(list, [from('amd64')])).toBe(list)
    await failure(drafts.create(list, [from('arm64')]), 'already_exists')
    await drafts.create(list, [from('arm64'), from('amd64')], { amend: true })
    await drafts.annotate(list, from('arm64'), { variant: 'v8', 'os.features': ['x'] })
    await failure(drafts.annotate(list, from('s390x'), { os: 'linux' }), 'not_found')
    const shown = await drafts.document(list)
    const { digest } = await drafts.push(list, { purge: true })
    expect(digest).toBe(shown!.descriptor.digest)
    const pushed = await openRepository(`${host()}/lists/app`).document('v1')
    expect(
      parseIndex(pushed.bytes).manifests.find((d) => d.platform?.architecture === 'arm64')?.platform,
    ).toMatchObject({
      variant: 'v8',
      'os.features': ['x'],
    })
    expect(await drafts.document(list)).toBeUndefined()
    await failure(drafts.push(list), 'not_found')
    await failure(drafts.remove(list), 'not_found')
    await failure(drafts.create(list, [`${host()}/no/such:v1`]), 'not_found')
  })
})
