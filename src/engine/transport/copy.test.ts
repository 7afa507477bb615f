import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openLayout, type Layout } from '#content'
import { type Descriptor } from '#oci'
import { attach, openRepository } from '#registry/client'
import { openDirectoryStorage, serveRegistry, type RunningRegistry } from '#registry/server'
import { failure, sampleImage, sampleIndex, tempDir, type TempDir } from '#testkit'
import { openNode } from '../node.ts'
import { writeWhole } from './writewhole.ts'
import type { Node } from '../types.ts'

let dir: TempDir
let node: Node
let registry: RunningRegistry
let layout: Layout
let index: Descriptor
let amd64: Descriptor
let arm64: Descriptor

const path = (name: string): string => join(dir.path, name)
const at = (name: string): string => `docker://127.0.0.1:${registry.port}/${name}`
const remote = (name: string): ReturnType<typeof openRepository> => openRepository(`127.0.0.1:${registry.port}/${name}`)

beforeAll(async () => {
  dir = tempDir()
  node = openNode({ root: path('root'), run: path('run') })
  registry = await serveRegistry({
    // An index without some of its images is taken.
    config: { port: 0, references: 'none' },
    storage: openDirectoryStorage({ root: path('registry') }),
  })
  layout = openLayout(path('layout'), { create: true })
  const sample = await sampleIndex(layout, 'v1', ['amd64', 'arm64', 's390x'])
  index = sample.index
  ;[amd64, arm64] = sample.manifests as [Descriptor, Descriptor]
})

afterAll(async () => {
  await node[Symbol.asyncDispose]()
  await registry.stop(0)
  dir[Symbol.dispose]()
})

async function copied(from: string, to: string, more: object = {}): Promise<string> {
  const [first] = await node.images.copy({ from, to, ...more })
  return first!.root.digest
}

describe('copy', () => {
  test('an index goes round through layout, registry and archive, and has one digest everywhere', async () => {
    expect(await copied(`oci:${path('layout')}:v1`, at('round/app:v1'))).toBe(index.digest)
    expect(await copied(at('round/app:v1'), `oci-archive:${path('round.tar')}:example.com/app:v2`)).toBe(index.digest)
    expect(await copied(`oci-archive:${path('round.tar')}`, `oci:${path('back')}:v3`)).toBe(index.digest)
    expect(await copied(`oci:${path('back')}`, at('round/app:v4'))).toBe(index.digest)
    const back = openLayout(path('back'))
    for (const d of [amd64, arm64]) expect(await back.has(d)).toBe(true)
    expect(readFileSync(path('round.tar')).includes('example.com/app:v2')).toBe(true)
  })

  test('into the store the image for this host alone, or all; out of it under the same digests', async () => {
    const foreign = process.arch === 'arm64' ? amd64 : arm64
    expect(await copied(`oci:${path('layout')}:v1`, 'one')).toBe(index.digest)
    await failure(
      node.images.copy({ from: 'one', to: `oci-archive:${path('x.tar')}`, platforms: ['linux/s390x'] }),
      'not_found',
    )
    // Of an index that is here in part, the image goes out.
    expect(await copied('one', at('from/store:one'))).not.toBe(index.digest)
    expect(await copied('one', `oci:${path('part')}:v1`)).toBe(index.digest)
    expect(await openLayout(path('part')).has(foreign)).toBe(false)
    expect(await copied(`oci:${path('layout')}:v1`, 'all', { all: true })).toBe(index.digest)
    expect(await copied('all', at('from/store:all'))).toBe(index.digest)
    expect(await remote('from/store').has(foreign)).toBe(true)
    expect(await copied(`oci:${path('layout')}:v1`, 'foreign', { platforms: [platformOf(foreign)] })).toBe(
      foreign.digest,
    )
    expect(await copied('store://foreign', `docker-archive:${path('foreign.tar')}`)).toBe(foreign.digest)
    await node.images.remove('foreign')
    // A docker-archive of ours has the manifest, and the name that it was copied under.
    expect(await copied(`docker-archive:${path('foreign.tar')}:foreign`, 'again')).toBe(foreign.digest)
  })

  test('some platforms leave the index what it is', async () => {
    const platforms = ['linux/amd64', 'linux/arm64']
    const places = [at('some/app:v1'), `oci:${path('some')}:v1`, `oci-archive:${path('some.tar')}:v1`]
    for (const to of places) expect(await copied(`oci:${path('layout')}:v1`, to, { platforms })).toBe(index.digest)
    expect(await copied(`oci-archive:${path('some.tar')}:v1`, `oci:${path('some2')}`, { platforms })).toBe(index.digest)
    const there = await remote('some/app').document('v1')
    const [, , third] = JSON.parse(new TextDecoder().decode(there.bytes)).manifests as Descriptor[]
    expect(await remote('some/app').has(third!)).toBe(false)
    expect(await openLayout(path('some2')).has(third!)).toBe(false)
    await failure(
      node.images.copy({ from: `oci:${path('layout')}:v1`, to: at('some/app:v2'), platforms: ['linux/riscv64'] }),
      'not_found',
    )
  })

  test('an image that stands alone is copied for its own platform', async () => {
    const from = `oci:${path('layout')}@${amd64.digest}`
    expect(await copied(from, at('alone/app:v1'), { platforms: ['linux/amd64'] })).toBe(amd64.digest)
    const other = node.images.copy({ from: at('alone/app:v1'), to: at('alone/app:v2'), platforms: ['linux/arm64'] })
    expect((await failure(other, 'not_found')).message).toContain('is for linux/amd64, not linux/arm64')
  })

  test('what refers to an image goes with it, into a layout and out again', async () => {
    const source = remote('signed/app')
    await copied(`oci:${path('layout')}:v1`, at('signed/app:v1'))
    const artifact = { artifactType: 'application/x-note', files: [] }
    const note = await attach(source, index, artifact)
    const second = await attach(source, note, { ...artifact, annotations: { a: 'b' } })
    const cosign = await sampleImage(source, { label: 'signature', compression: 'gzip' })
    await source.tag(cosign, `sha256-${index.digest.slice(7)}.sig`)
    await node.images.copy({ from: at('signed/app:v1'), to: `oci:${path('signed')}:v1`, referrers: true })
    expect(await openLayout(path('signed')).images()).toHaveLength(2)
    const [again] = await node.images.copy({ from: `oci:${path('signed')}:v1`, to: at('more/app:v1'), referrers: true })
    expect(again!.referrers).toBe(3)
    for (const d of [note, second, cosign]) expect(await remote('more/app').has(d)).toBe(true)
    await failure(
      node.images.copy({
        from: at('signed/app:v1'),
        to: `docker-archive:${path('kept.tar')}`,
        referrers: true,
        platforms: ['linux/amd64'],
      }),
      'invalid_argument',
    )
    expect(existsSync(path('kept.tar'))).toBe(false)
  })

  test('every tag, between registries and layouts', async () => {
    for (const tag of ['a', 'b']) await layout.tag(tag === 'a' ? amd64 : arm64, tag)
    const tags = async (request: { from: string; to: string }): Promise<string[]> =>
      (await node.images.copy({ ...request, allTags: true })).map(({ tag }) => tag!)
    expect((await tags({ from: `oci:${path('layout')}`, to: at('tags/app') })).toSorted()).toEqual(['a', 'b', 'v1'])
    expect(await tags({ from: at('tags/app'), to: at('tags/other') })).toEqual(['a', 'b', 'v1'])
    expect(await tags({ from: at('tags/other'), to: `oci:${path('tags')}` })).toEqual(['a', 'b', 'v1'])
    expect((await openLayout(path('tags')).resolve('b')).digest).toBe(arm64.digest)
    await failure(tags({ from: at('tags/app'), to: `oci-archive:${path('no.tar')}` }), 'invalid_argument')
    await failure(tags({ from: 'one', to: at('tags/app') }), 'invalid_argument')
  })

  test('one platform of an index is saved, loaded and pushed; save reads any place', async () => {
    const all = async (name: string): Promise<void> =>
      void (await copied(`oci:${path('layout')}:v1`, name, { all: true }))
    const pushed = `127.0.0.1:${registry.port}/platform/app:v1`
    await all(pushed)
    const [push] = await node.images.push(pushed, { platform: platformOf(arm64), jobs: 1 })
    expect(push!.digest).toBe(arm64.digest)
    const saved = async (ref: string, platform?: string): Promise<string> => {
      const file = path(`saved-${Math.random()}.tar`)
      await writeWhole(file, await node.images.save([ref], platform === undefined ? {} : { platform }))
      return file
    }
    const own = await saved(pushed, platformOf(arm64))
    expect((await node.registries.manifest(`docker-archive:${own}`)).descriptor.digest).toBe(arm64.digest)
    const far = await saved(at('round/app:v1'))
    expect((await node.registries.manifest(`oci-archive:${far}`)).descriptor.digest).toBe(index.digest)
    await failure(saved(pushed, 'linux/riscv64'), 'not_found')
    using other = tempDir()
    await using fresh = openNode({ root: join(other.path, 'root'), run: join(other.path, 'run') })
    const [loaded] = await fresh.images.load({ file: far }, { platform: platformOf(arm64) })
    expect((await fresh.registries.manifest(`store://${loaded}`)).descriptor.digest).toBe(arm64.digest)
    await failure(fresh.images.load({ file: far }, { platform: 'linux/riscv64' }), 'not_found')
    expect(readdirSync(join(other.path, 'root/content/ingest'))).toEqual([])
  })

  test('within one registry blobs are mounted', async () => {
    await copied(`oci:${path('layout')}:v1`, at('mount/from:v1'))
    const [result] = await node.images.copy({ from: at('mount/from:v1'), to: at('mount/to:v1') })
    expect(result!.mounted).toBe(5)
  })

  test('what is not there, or cannot be, is said in one line; nothing half-done stays', async () => {
    const cases: readonly [from: string, to: string, code: string][] = [
      [at('no/such:v1'), `oci-archive:${path('half.tar')}`, 'not_found'],
      [`oci:${path('nowhere')}`, 'x', 'not_found'],
      [`oci-archive:${path('nowhere.tar')}`, 'x', 'not_found'],
      [`oci:${path('layout')}`, at('x:v1'), 'invalid_argument'],
      [`oci:${path('layout')}:none`, at('x:v1'), 'not_found'],
      ['nothing', at('x:v1'), 'not_found'],
      [`oci:${path('layout')}:v1`, at(`x@${amd64.digest}`), 'invalid_argument'],
      [`oci:${path('layout')}:v1`, `oci-archive:${path('no/such/dir.tar')}`, 'not_found'],
    ]
    for (const [from, to, code] of cases) await failure(node.images.copy({ from, to }), code as 'not_found')
    writeFileSync(path('file.tar'), 'no archive')
    await failure(node.images.copy({ from: `docker-archive:${path('file.tar')}`, to: 'x' }), 'data_loss')
    expect(existsSync(path('half.tar'))).toBe(false)
    expect(readdirSync(dir.path).filter((name) => name.includes('partial'))).toEqual([])
    expect(readdirSync(path('root/content/ingest'))).toEqual([])
  })
})

function platformOf({ platform }: Descriptor): string {
  return `${platform!.os}/${platform!.architecture}`
}
