import { describe, expect, test } from 'bun:test'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { CairnError, collect } from '#base'
import { copyGraph, onlyPresent, openArchive, openLayout, readGraph } from '#content'
import type { ArchivedImage, ContentProvider } from '#content'
import { encodeDocument, hexOf, MediaType } from '#oci'
import type { Descriptor } from '#oci'
import { failure, lacking, must, sampleImage, skipReason, tempDir } from '#testkit'
import { openImageArchive } from '../archive.ts'
import { openImage } from '../open.ts'
import { validateImage } from '../validate.ts'
import { dockerArchive, isDockerArchive } from './read.ts'
import { saveImages } from './write.ts'

async function save(path: string, images: readonly ArchivedImage[], content: ContentProvider): Promise<void> {
  writeFileSync(path, await collect(await saveImages(images, content), 1 << 24))
}

/** Opens an archive, copies all its images to a layout beside it, and returns what it held. */
async function load(
  dir: string,
  name: string,
): Promise<readonly (ArchivedImage & { readonly diffIds: readonly string[] })[]> {
  await using files = await openArchive({ path: join(dir, name) }, { spool: dir })
  const archive = await openImageArchive(files)
  const to = openLayout(join(dir, `${name}.loaded`), { create: true })
  const loaded = []
  for (const image of await archive.images()) {
    await copyGraph(archive, to, image.root, { select: onlyPresent(archive) })
    const opened = await openImage(to, image.root)
    for (const layer of opened.layers) for await (const _ of await layer.tar());
    loaded.push({ ...image, diffIds: opened.config.rootfs.diff_ids })
  }
  return loaded
}

const NAMES = ['docker.io/library/app:1', 'registry.example:5000/team/app:latest']

describe('our archive', () => {
  test.each(['none', 'gzip', 'zstd'] as const)(
    'with %s layers is read as a layout, with the same digests',
    async (compression) => {
      using dir = tempDir()
      const layout = openLayout(join(dir.path, 'layout'), { create: true })
      const root = await sampleImage(layout, { compression })
      await save(join(dir.path, 'x.tar'), [{ root, names: NAMES }], layout)
      expect(await load(dir.path, 'x.tar')).toMatchObject([{ root, names: NAMES }])
    },
  )

  test('is the same bytes every time and tells a docker-archive reader the same images', async () => {
    using dir = tempDir()
    const layout = openLayout(join(dir.path, 'layout'), { create: true })
    const images = [
      { root: await sampleImage(layout, { label: 'a' }), names: NAMES },
      { root: await sampleImage(layout, { label: 'b', compression: 'gzip' }), names: [] },
    ]
    await save(join(dir.path, 'x.tar'), images, layout)
    await save(join(dir.path, 'y.tar'), images, layout)
    expect(readFileSync(join(dir.path, 'x.tar')).equals(readFileSync(join(dir.path, 'y.tar')))).toBe(true)
    await using files = await openArchive({ path: join(dir.path, 'x.tar') }, { spool: dir.path })
    expect(isDockerArchive(files)).toBe(true)
    const archive = await dockerArchive(files)
    const [one, two] = await archive.images()
    expect([one?.names, two?.names]).toEqual([NAMES, []])
    // The manifest is made anew by the same rules, so where the layers are OCI ones it is the same.
    expect(one?.root.digest).toBe(images[0]!.root.digest)
    expect(two?.root.digest).toBe(images[1]!.root.digest)
    expect(await archive.resolve('app:1')).toEqual(one!.root)
    expect(await archive.resolve(two!.root.digest)).toEqual(two!.root)
    await failure(archive.resolve('other'), 'not_found')
  })

  test('of an index shows a docker reader one image, and keeps the index', async () => {
    using dir = tempDir()
    const layout = openLayout(join(dir.path, 'layout'), { create: true })
    const s390x = { os: 'linux', architecture: 's390x' }
    const amd64 = { os: 'linux', architecture: 'amd64' }
    const entries: Descriptor[] = [
      { ...(await sampleImage(layout, { label: 'a', platform: s390x })), platform: s390x },
      { ...(await sampleImage(layout, { label: 'b', platform: amd64 })), platform: amd64 },
      // An entry that is not here, as after copying two platforms of three.
      {
        mediaType: MediaType.ociManifest,
        digest: `sha256:${'0'.repeat(64)}`,
        size: 7,
        platform: { ...amd64, os: 'x' },
      },
    ]
    const index = await encodeDocument(MediaType.ociIndex, { schemaVersion: 2, manifests: entries })
    await layout.put(
      index.descriptor,
      (async function* () {
        yield index.bytes
      })(),
    )
    const root = index.descriptor
    for (const platform of [s390x, amd64]) {
      const tar = await collect(await saveImages([{ root, names: NAMES }], layout, { platform }), 1 << 24)
      writeFileSync(join(dir.path, 'x.tar'), tar)
      await using files = await openArchive({ path: join(dir.path, 'x.tar') }, { spool: dir.path })
      const [shown] = await (await dockerArchive(files)).images()
      expect(shown?.root.digest).toBe(entries[platform === s390x ? 0 : 1]!.digest)
      expect((await (await openImageArchive(files)).images())[0]?.root).toEqual(root)
    }
    await failure(
      saveImages([{ root, names: [] }], layout, { platform: { os: 'linux', architecture: 'arm' } }),
      'not_found',
    )
    expect((await load(dir.path, 'x.tar'))[0]?.root).toEqual(root)
  })

  test('is refused before its first byte when a blob is missing', async () => {
    using dir = tempDir()
    const layout = openLayout(join(dir.path, 'layout'), { create: true })
    const root = await sampleImage(layout)
    const [layer] = (await openImage(layout, root)).layers
    rmSync(join(dir.path, 'layout/blobs/sha256', hexOf(layer!.diffId)))
    await failure(saveImages([{ root, names: [] }], layout), 'not_found')
    await failure(saveImages([], layout), 'invalid_argument')
  })
})

describe('archives as others write them', () => {
  /** Rewrites our archive as Docker 1.10 to 24 wrote them: a directory per layer, a symbolic link for a repeated one. */
  async function classic(dir: string, form: 'directories' | 'symlinks' | 'gzip' = 'directories'): Promise<Descriptor> {
    const layout = openLayout(join(dir, 'layout'), { create: true })
    const root = await sampleImage(layout)
    const image = await openImage(layout, root)
    const work = join(dir, 'work')
    const config = hexOf(image.manifest.config.digest)
    mkdirSync(work)
    writeFileSync(join(work, `${config}.json`), image.configBytes)
    const layers: string[] = []
    for (const [i, layer] of image.layers.entries()) {
      const id = `${i}`.repeat(64)
      mkdirSync(join(work, id))
      writeFileSync(join(work, id, 'VERSION'), '1.0')
      const tar = await collect(await layer.tar(), 1 << 20)
      if (form === 'symlinks') {
        writeFileSync(join(work, `${hexOf(layer.diffId)}.tar`), tar)
        await must(['ln', '-s', `../${hexOf(layer.diffId)}.tar`, join(work, id, 'layer.tar')])
      } else writeFileSync(join(work, id, 'layer.tar'), tar)
      if (form === 'gzip')
        await must(['sh', '-c', `cd ${work}/${id} && gzip -n layer.tar && mv layer.tar.gz layer.tar`])
      layers.push(`${id}/layer.tar`)
    }
    const manifest = [{ Config: `${config}.json`, RepoTags: ['app:1', '<none>:<none>'], Layers: layers }]
    writeFileSync(join(work, 'manifest.json'), JSON.stringify(manifest))
    writeFileSync(join(work, 'repositories'), '{"app":{"1":"x"}}')
    return image.manifest.config
  }

  for (const form of ['directories', 'symlinks', 'gzip'] as const)
    for (const packing of ['tar', 'tar.gz', 'directory'])
      test(`docker save of 1.10 to 24, ${form}, as ${packing}`, async () => {
        using dir = tempDir()
        const config = await classic(dir.path, form)
        if (packing === 'directory') await must(['cp', '-a', join(dir.path, 'work'), join(dir.path, 'x')])
        else await must(['sh', '-c', `cd ${dir.path}/work && tar -caf ../x.${packing} *`])
        const name = packing === 'directory' ? 'x' : `x.${packing}`
        const [image] = await load(dir.path, name)
        expect(image?.names).toEqual(['docker.io/library/app:1'])
        const opened = await openImage(openLayout(join(dir.path, `${name}.loaded`)), image!.root)
        expect(opened.manifest.config.digest).toBe(config.digest)
        const expected = form === 'gzip' ? MediaType.ociLayerGzip : MediaType.ociLayer
        expect(opened.manifest.layers.map((layer) => layer.mediaType)).toEqual([expected, expected])
      })

  test('docker save before 1.10: directories that name their parents', async () => {
    using dir = tempDir()
    await classic(dir.path)
    const work = join(dir.path, 'work')
    rmSync(join(work, 'manifest.json'))
    const [base, top] = ['0'.repeat(64), '1'.repeat(64)]
    const common = { os: 'linux', architecture: 'amd64', created: '2015-01-02T03:04:05.678Z' }
    const run = { container_config: { Cmd: ['/bin/sh', '-c', 'echo <&>'] } }
    writeFileSync(join(work, base, 'json'), JSON.stringify({ id: base, ...common, ...run, Size: 7 }))
    writeFileSync(
      join(work, top, 'json'),
      JSON.stringify({ id: top, parent: base, ...common, config: { Cmd: ['sh'] } }),
    )
    writeFileSync(join(work, 'repositories'), JSON.stringify({ app: { '1': top, two: top } }))
    await must(['tar', '-cf', join(dir.path, 'x.tar'), '-C', work, '.'])
    const [image] = await load(dir.path, 'x.tar')
    expect(image?.names).toEqual(['docker.io/library/app:1', 'docker.io/library/app:two'])
    const { config, configBytes } = await openImage(openLayout(join(dir.path, 'x.tar.loaded')), image!.root)
    expect(config.config?.Cmd).toEqual(['sh'])
    expect(config.history?.map((h) => h.created_by)).toEqual(['/bin/sh -c echo <&>', undefined])
    expect(new TextDecoder().decode(configBytes)).toStartWith('{"architecture":"amd64","config":{')
    expect(new TextDecoder().decode(configBytes)).toContain('echo \\u003c\\u0026\\u003e')
  })

  const skip = skipReason('skopeo', lacking('skopeo'))
  test.skipIf(skip)('skopeo reads ours as both kinds, and we read what it writes', async () => {
    using dir = tempDir()
    const layout = openLayout(join(dir.path, 'layout'), { create: true })
    const root = await sampleImage(layout, { compression: 'gzip' })
    await save(join(dir.path, 'x.tar'), [{ root, names: NAMES.slice(0, 1) }], layout)
    const copy = (from: string, to: string): Promise<string> => must(['skopeo', '--insecure-policy', 'copy', from, to])
    await copy(`docker-archive:${dir.path}/x.tar:app:1`, `oci:${dir.path}/from-docker:x`)
    await copy(`oci-archive:${dir.path}/x.tar`, `oci:${dir.path}/from-oci:x`)
    await copy(`oci-archive:${dir.path}/x.tar`, `docker-archive:${dir.path}/theirs.tar:app:1`)
    const fromOci = openLayout(join(dir.path, 'from-oci'))
    expect((await fromOci.resolve('x')).digest).toBe(root.digest)
    const ours = await openImage(layout, root)
    for (const theirs of [openLayout(join(dir.path, 'from-docker')), fromOci]) {
      const opened = await openImage(theirs, await theirs.resolve('x'))
      expect(opened.config.rootfs).toEqual(ours.config.rootfs)
      expect((await readGraph(theirs, [opened.descriptor])).leaves.size).toBe(3)
    }
    const [image] = await load(dir.path, 'theirs.tar')
    expect(image).toMatchObject({ names: ['docker.io/library/app:1'], diffIds: ours.config.rootfs.diff_ids })
    const opened = await openImage(openLayout(join(dir.path, 'theirs.tar.loaded')), image!.root)
    expect(opened.manifest.config.digest).toBe(ours.manifest.config.digest)
  })
})

describe('hostile archives', () => {
  async function archive(
    dir: string,
    files: Readonly<Record<string, string>>,
  ): Promise<() => Promise<readonly ArchivedImage[]>> {
    const work = join(dir, 'work')
    rmSync(work, { recursive: true, force: true })
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(join(work, name, '..'), { recursive: true })
      writeFileSync(join(work, name), content)
    }
    await must(['tar', '-cf', join(dir, 'x.tar'), '-C', work, '.'])
    return async () => {
      await using opened = await openArchive({ path: join(dir, 'x.tar') }, { spool: dir })
      return await (await openImageArchive(opened)).images()
    }
  }
  const rootfs = (...ids: string[]): string => JSON.stringify({ rootfs: { type: 'layers', diff_ids: ids } })
  const item = (more: object): string => JSON.stringify([{ Config: 'c.json', RepoTags: null, Layers: [], ...more }])
  const id = `sha256:${'a'.repeat(64)}`
  const cases: [string, Readonly<Record<string, string>>, string][] = [
    ['nothing known', { 'etc/passwd': 'root' }, 'invalid_argument'],
    ['a manifest that is no list', { 'manifest.json': '{}' }, 'invalid_argument'],
    ['a deep manifest', { 'manifest.json': '['.repeat(100_000) }, 'resource_exhausted'],
    ['an absent config', { 'manifest.json': item({}) }, 'data_loss'],
    ['a config outside', { 'manifest.json': item({ Config: '../../etc/passwd' }) }, 'invalid_argument'],
    ['a config that is a number', { 'manifest.json': item({ Config: 7 }) }, 'invalid_argument'],
    [
      'layers the config does not know',
      { 'manifest.json': item({ Layers: ['c.json'] }), 'c.json': rootfs() },
      'invalid_argument',
    ],
    ['an absent layer', { 'manifest.json': item({ Layers: ['l'] }), 'c.json': rootfs(id) }, 'data_loss'],
    [
      'a config that is not what its name says',
      { 'manifest.json': item({ Config: `${'a'.repeat(64)}.json` }), [`${'a'.repeat(64)}.json`]: rootfs() },
      'data_loss',
    ],
    ['a repository that names a path', { repositories: '{"a":{"b":"../../x"}}' }, 'invalid_argument'],
    [
      'parents in a circle',
      {
        repositories: JSON.stringify({ a: { b: '0'.repeat(64) } }),
        [`${'0'.repeat(64)}/json`]: JSON.stringify({ parent: '1'.repeat(64) }),
        [`${'1'.repeat(64)}/json`]: JSON.stringify({ parent: '0'.repeat(64) }),
      },
      'invalid_argument',
    ],
  ]
  for (const [what, files, code] of cases)
    test(`with ${what} are refused`, async () => {
      using dir = tempDir()
      await failure((await archive(dir.path, files))(), code as 'data_loss')
    })

  test('a layer that is not what the config says is refused when it is read', async () => {
    using dir = tempDir()
    await (
      await archive(dir.path, { 'manifest.json': item({ Layers: ['l'] }), 'c.json': rootfs(id), l: 'no tar' })
    )()
    await failure(load(dir.path, 'x.tar'), 'data_loss')
  })

  test('any damage to an archive is an error of ours, or harmless', async () => {
    using dir = tempDir()
    const layout = openLayout(join(dir.path, 'layout'), { create: true })
    const root = await sampleImage(layout, { compression: 'gzip' })
    const whole = await collect(await saveImages([{ root, names: NAMES }], layout), 1 << 24)
    const path = join(dir.path, 'x.tar')
    const change = fc.record({ at: fc.nat(whole.length - 1), to: fc.nat(255) })
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { maxLength: 5 }),
        fc.nat(whole.length),
        fc.boolean(),
        async (changes, end, cut) => {
          const bytes = whole.slice(0, cut ? end : whole.length)
          for (const { at, to } of changes) if (at < bytes.length) bytes[at] = to
          writeFileSync(path, bytes)
          try {
            await using files = await openArchive({ path }, { spool: dir.path })
            for (const archive of [await openImageArchive(files), await dockerArchive(files)])
              for (const image of await archive.images()) {
                const problems = await validateImage({ root: image.root, content: archive })
                // What passes as whole has the layers that were saved.
                if (problems.length === 0 && image.root.digest === root.digest)
                  expect((await openImage(archive, image.root)).manifest).toEqual(
                    (await openImage(layout, root)).manifest,
                  )
              }
          } catch (error) {
            expect(error).toBeInstanceOf(CairnError)
          }
        },
      ),
      { numRuns: 150 },
    )
  })
})
