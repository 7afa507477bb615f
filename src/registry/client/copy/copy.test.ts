import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { CairnError, fail, streamOf, utf8 } from '#base'
import { copyGraph, openLayout } from '#content'
import { openDirectoryStorage, serveRegistry } from '#registry/server'
import type { RunningRegistry } from '#registry/server'
import { encodeDocument, hexOf, MediaType, parsePlatform } from '#oci'
import type { Descriptor, ImageIndex } from '#oci'
import { failure, faultProxy, lacking, must, sampleImage, skipReason, startDockerRegistry, tempDir } from '#testkit'
import type { DockerRegistry, Fault, TempDir } from '#testkit'
import fc from 'fast-check'
import { openRepository } from '../client.ts'
import type { ClientOptions } from '../client.ts'
import type { Repository } from '../types.ts'
import { attach, discover } from './attach.ts'
import { copyAllTags, copyImage } from './copyimage.ts'

const options: ClientOptions = { retry: { sleep: async () => undefined, random: () => 0 } }
const skipDocker = skipReason('copies to docker-registry', lacking('docker-registry'))

let own: RunningRegistry
let directory: TempDir
let docker: DockerRegistry | undefined
let count = 0
beforeAll(async () => {
  directory = tempDir('cairn-registry-')
  own = await serveRegistry({
    config: { port: 0, references: 'none' },
    storage: openDirectoryStorage({ root: directory.path }),
  })
  if (!skipDocker) docker = await startDockerRegistry()
})
afterAll(async () => {
  await own.stop(0)
  directory[Symbol.dispose]()
  await docker?.[Symbol.asyncDispose]()
})

const ours = (): Repository => openRepository(`127.0.0.1:${own.port}/own/r${count++}`, options)
const theirs = (): Repository => openRepository(`${docker!.host}/their/r${count++}`, options)

/** An index of three platforms, one with an attestation inside the index. */
async function sampleIndex(to: Repository): Promise<Descriptor> {
  const manifests: Descriptor[] = []
  for (const name of ['linux/amd64', 'linux/arm64', 'linux/s390x']) {
    const platform = parsePlatform(name)
    manifests.push({ ...(await sampleImage(to, { platform, label: name, compression: 'gzip' })), platform })
  }
  const attestation = await sampleImage(to, { label: 'attestation' })
  const entry: Descriptor = {
    ...attestation,
    platform: { os: 'unknown', architecture: 'unknown' },
    annotations: {
      'vnd.docker.reference.type': 'attestation-manifest',
      'vnd.docker.reference.digest': manifests[1]!.digest,
    },
  }
  const index: ImageIndex = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [...manifests, entry] }
  const { descriptor, bytes } = await encodeDocument(MediaType.ociIndex, index)
  await to.put(descriptor, streamOf(bytes))
  return descriptor
}

function note(to: Repository, subject: Descriptor, text: string): Promise<Descriptor> {
  return attach(to, subject, {
    artifactType: 'application/x-note',
    files: [{ mediaType: 'text/plain', bytes: utf8(text) }],
  })
}

describe('copyImage', () => {
  test('within a registry mounts every blob', async () => {
    const from = ours()
    const to = ours()
    const root = await sampleImage(from, { compression: 'gzip' })
    const copied = await copyImage(from, to, root, { tags: ['v1', 'latest'] })
    expect(copied).toEqual({ root, mounted: 3, referrers: [] })
    expect((await to.resolve('latest')).digest).toBe(root.digest)
    await checkWhole(to, root)
    expect((await copyImage(from, to, root)).mounted).toBe(0)
  })

  test.skipIf(skipDocker)('between registries keeps every digest, index and all', async () => {
    const from = ours()
    const to = theirs()
    const root = await sampleIndex(from)
    await copyImage(from, to, root, { tags: ['all'] })
    expect((await to.resolve('all')).digest).toBe(root.digest)
    await checkWhole(to, root)
    const back = ours()
    await copyImage(to, back, root, { tags: ['all'] })
    await checkWhole(back, root)
  })

  test('some platforms keep the index and what it attaches to them', async () => {
    const from = ours()
    const to = ours()
    const root = await sampleIndex(from)
    const { manifests } = JSON.parse(new TextDecoder().decode((await from.document(root.digest)).bytes)) as ImageIndex
    await copyImage(from, to, root, { platforms: [parsePlatform('linux/arm64')], tags: ['arm'] })
    expect((await to.resolve('arm')).digest).toBe(root.digest)
    const present = await Promise.all(manifests.map((m) => to.has(m)))
    expect(present).toEqual([false, true, false, true])
    const none = copyImage(from, to, root, { platforms: [parsePlatform('linux/riscv64')] })
    expect((await failure(none, 'not_found')).message).toContain('linux/riscv64')
  })

  test.skipIf(skipDocker)('a registry that wants whole indexes says so', async () => {
    const from = ours()
    const root = await sampleIndex(from)
    const error = await failure(
      copyImage(from, theirs(), root, { platforms: [parsePlatform('linux/amd64')] }),
      'failed_precondition',
    )
    expect((error as Error & { hint?: string }).hint).toContain('all platforms')
  })

  test.skipIf(skipDocker)(
    'referrers of the image, of its parts and of referrers come along, to either kind',
    async () => {
      const from = ours()
      const root = await sampleIndex(from)
      const { manifests } = JSON.parse(new TextDecoder().decode((await from.document(root.digest)).bytes)) as ImageIndex
      const onIndex = await note(from, root, 'on the index')
      const onImage = await note(from, manifests[0]!, 'on an image')
      const onNote = await note(from, onImage, 'on a note')
      const signature = await sampleImage(from, { label: 'signature' })
      await from.tag(signature, `sha256-${hexOf(root.digest)}.sig`)
      for (const to of [theirs(), ours()]) {
        const { referrers } = await copyImage(from, to, root, { referrers: true })
        expect(referrers.map((d) => d.digest).sort()).toEqual(
          [onIndex, onImage, onNote, signature].map((d) => d.digest).sort(),
        )
        const found = await Array.fromAsync(to.referrers(onImage))
        expect(found.map((d) => [d.digest, d.artifactType])).toEqual([[onNote.digest, 'application/x-note']])
        expect((await to.resolve(`sha256-${hexOf(root.digest)}.sig`)).digest).toBe(signature.digest)
      }
    },
  )

  test('referrers that are none, and lists that name each other for ever, are left out', async () => {
    const from = ours()
    const root = await sampleImage(from)
    const other = await sampleImage(from, { label: 'other' })
    const lying = {
      ...from,
      async *referrers() {
        yield other
        yield root
        yield other
      },
    }
    const warnings: string[] = []
    const progress = (p: { kind: string; message?: string }): void =>
      void (p.kind === 'warning' && warnings.push(p.message ?? ''))
    expect((await copyImage(lying, ours(), root, { referrers: true, progress })).referrers).toEqual([])
    expect(warnings.length).toBeGreaterThan(0)
  })

  test('an upload that could not go on is read and sent anew', async () => {
    const from = ours()
    const root = await sampleImage(from)
    const to = ours()
    let failures = 0
    const flaky = {
      ...to,
      mount: async () => false,
      put: (async (d, bytes, call) => {
        if (d.mediaType.includes('layer') && failures++ === 0) fail('unavailable', 'the link is down')
        return to.put(d, bytes, call)
      }) satisfies Repository['put'],
    }
    await copyImage(from, flaky, root)
    await checkWhole(to, root)
    expect(failures).toBeGreaterThan(1)
  })

  test('a copy over a link that drops every third request arrives whole', async () => {
    const from = ours()
    const root = await sampleIndex(from)
    let n = 0
    await using proxy = await faultProxy({ host: `127.0.0.1:${own.port}` }, ({ method }) => {
      if (++n % 3 !== 0) return undefined
      return method === 'GET'
        ? { kind: 'cutAnswer', after: 100 }
        : method === 'HEAD'
          ? { kind: 'hangUp' }
          : { kind: 'answer', status: 503 }
    })
    const there = openRepository(`${proxy.host}/${from.path}`, options)
    const back = openRepository(`${proxy.host}/own/r${count++}`, options)
    await copyImage(there, back, root, { tags: ['v1'] })
    await checkWhole(openRepository(`127.0.0.1:${own.port}/${back.path}`, options), root)
  })

  test('over a link that fails at random, a copy arrives whole or says why', async () => {
    const from = ours()
    const root = await sampleIndex(from)
    const passing = fc.constantFrom<Fault>(
      { kind: 'hangUp' },
      { kind: 'cutAnswer', after: 3 },
      { kind: 'truncate', after: 50 },
      { kind: 'cutUpload', after: 60 },
      { kind: 'answer', status: 429, headers: { 'retry-after': '1' } },
      { kind: 'answer', status: 502, body: '<html>' },
    )
    const lasting = fc.constantFrom<Fault>(
      { kind: 'answer', status: 404 },
      { kind: 'answer', status: 200, headers: { 'content-type': MediaType.ociIndex }, body: '{}' },
      { kind: 'rewrite', body: (body) => body.map((byte) => byte ^ 1) },
    )
    const fault = fc.oneof(
      { weight: 60, arbitrary: fc.constant(undefined) },
      { weight: 20, arbitrary: passing },
      { weight: 1, arbitrary: lasting },
    )
    let whole = 0
    await fc.assert(
      fc.asyncProperty(fc.array(fault, { minLength: 20, maxLength: 60 }), async (faults) => {
        let n = 0
        await using proxy = await faultProxy({ host: `127.0.0.1:${own.port}` }, () => faults[n++])
        const path = `own/r${count++}`
        const there = openRepository(`${proxy.host}/${from.path}`, options)
        try {
          await copyImage(there, openRepository(`${proxy.host}/${path}`, options), root)
        } catch (error) {
          if (error instanceof CairnError && error.code !== 'internal') return
          throw error
        }
        // A 200 or 201 that a liar in the middle gives is believed only where nothing can be checked: has and put.
        const lied = faults.slice(0, n).some((f) => f?.kind === 'answer' && f.status === 200)
        whole++
        if (!lied) await checkWhole(openRepository(`127.0.0.1:${own.port}/${path}`, options), root)
      }),
      { numRuns: 15, seed: 7 },
    )
    expect(whole).toBeGreaterThan(5)
  })

  test('every tag of a repository', async () => {
    const from = ours()
    const to = ours()
    for (const label of ['a', 'b']) await from.tag(await sampleImage(from, { label }), label)
    expect(await copyAllTags(from, to)).toBe(2)
    for (const tag of ['a', 'b']) expect((await to.resolve(tag)).digest).toBe((await from.resolve(tag)).digest)
  })

  test.skipIf(skipReason('a layout read by skopeo', lacking('skopeo')))(
    'registry to layout, which skopeo reads',
    async () => {
      const from = ours()
      const root = await sampleImage(from, { compression: 'gzip' })
      using dir = tempDir()
      const layout = openLayout(dir.path, { create: true })
      await copyImage(from, layout, root, { tags: ['v1'] })
      const seen = await must(['skopeo', 'inspect', '--format', '{{.Digest}}', `oci:${dir.path}:v1`])
      expect(seen.trim()).toBe(root.digest)
    },
  )
})

test('discover shows the tree of what refers to an image, once each', async () => {
  const at = ours()
  const root = await sampleImage(at)
  const sbom = await note(at, root, 'sbom')
  const signature = await note(at, sbom, 'signature of the sbom')
  const bare = await attach(at, root, { artifactType: 'application/x-mark', files: [], annotations: { a: 'b' } })
  const tree = await discover(at, root)
  expect(tree.map((n) => n.descriptor.digest).sort()).toEqual([sbom.digest, bare.digest].sort())
  const branch = tree.find((n) => n.descriptor.digest === sbom.digest)!
  expect(branch.referrers.map((n) => n.descriptor.digest)).toEqual([signature.digest])
  const circular = {
    ...at,
    async *referrers() {
      yield sbom
      yield signature
      yield root
    },
  }
  expect((await discover(circular, root)).length).toBe(1)
})

/** Everything below a root is there, and its bytes are what the digests say. */
async function checkWhole(from: Repository, root: Descriptor): Promise<void> {
  const seen = new Set<string>()
  await copyGraph(
    openRepository(from.name, options),
    {
      has: async () => false,
      async put(d, bytes) {
        for await (const _ of bytes);
        seen.add(d.digest)
      },
    },
    root,
  )
  expect(seen.has(root.digest)).toBe(true)
}
