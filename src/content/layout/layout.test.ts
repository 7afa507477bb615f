import { describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { collect, streamOf, utf8 } from '#base'
import { encodeDocument, MediaType } from '#oci'
import type { Descriptor } from '#oci'
import { blobOf, contentProviderSuite, failure, lacking, must, run, skipReason, tempDir } from '#testkit'
import { openArchive } from '../archive/open.ts'
import { copyGraph, onlyPresent } from '../copygraph.ts'
import { readGraph } from '../graph.ts'
import { ownerTag } from '../process.ts'
import { openLayout } from './directory.ts'
import type { Layout } from './directory.ts'
import { isLayout, layoutArchive } from './read.ts'
import { writeLayoutTar } from './tar.ts'

/** A tiny image put into a layout. */
async function addImage(layout: Layout, name: string): Promise<Descriptor> {
  const put = async (mediaType: string, bytes: Uint8Array): Promise<Descriptor> => {
    const d = { ...(await blobOf(bytes)), mediaType }
    await layout.put(d, streamOf(bytes))
    return d
  }
  // An empty tar is a valid layer.
  const layer = await put(MediaType.ociLayer, new Uint8Array(1024))
  const rootfs = { type: 'layers', diff_ids: [layer.digest] }
  const config = { os: 'linux', architecture: 'amd64', rootfs, config: { Labels: { name } } }
  const encoded = await encodeDocument(MediaType.ociConfig, config)
  await layout.put(encoded.descriptor, streamOf(encoded.bytes))
  const manifest = { schemaVersion: 2, mediaType: MediaType.ociManifest, config: encoded.descriptor, layers: [layer] }
  const document = await encodeDocument(MediaType.ociManifest, manifest)
  await layout.put(document.descriptor, streamOf(document.bytes))
  return document.descriptor
}

contentProviderSuite('a layout directory', async (blobs) => {
  const dir = tempDir()
  const content = openLayout(join(dir.path, 'layout'), { create: true })
  for (const bytes of blobs) await content.put(await blobOf(bytes), streamOf(bytes))
  return { content, [Symbol.asyncDispose]: async () => dir[Symbol.dispose]() }
})

for (const compression of ['', '.gz', '.zst'])
  contentProviderSuite(`a layout tar${compression}`, async (blobs) => {
    const dir = tempDir()
    const path = join(dir.path, 'layout')
    const layout = openLayout(path, { create: true })
    for (const bytes of blobs) await layout.put(await blobOf(bytes), streamOf(bytes))
    const tar = `${path}.tar${compression}`
    await must(['tar', '-caf', tar, '-C', path, '.'])
    const files = await openArchive({ path: tar }, { spool: dir.path })
    return {
      content: layoutArchive(files),
      [Symbol.asyncDispose]: async () => {
        await files[Symbol.asyncDispose]()
        expect(readdirSync(dir.path).filter((name) => name.startsWith('put-'))).toEqual([])
        dir[Symbol.dispose]()
      },
    }
  })

describe('layouts', () => {
  test('name images by tag and in full, move names, and take them away', async () => {
    using dir = tempDir()
    const layout = openLayout(join(dir.path, 'x'), { create: true })
    const [one, two] = [await addImage(layout, 'one'), await addImage(layout, 'two')]
    await layout.tag(one, one.digest)
    expect(await layout.images()).toEqual([{ root: one, names: [] }])
    await layout.tag(one, 'app:1')
    await layout.tag(one, 'latest')
    await layout.tag(two, 'docker.io/library/db')
    expect(await layout.images()).toEqual([
      { root: one, names: ['docker.io/library/app:1'] },
      { root: two, names: ['docker.io/library/db:latest'] },
    ])
    for (const ref of ['app:1', 'docker.io/library/app:1', '1', one.digest])
      expect((await layout.resolve(ref)).digest).toBe(one.digest)
    // latest is the tag of one and, in full, of two.
    await failure(layout.resolve('latest'), 'failed_precondition')
    expect((await layout.resolve('db')).digest).toBe(two.digest)
    await layout.tag(two, 'app:1')
    expect((await layout.resolve('app:1')).digest).toBe(two.digest)
    await layout.untag('app:1')
    await failure(layout.resolve('app:1'), 'not_found')
    await failure(layout.untag('app:1'), 'not_found')
    await failure(layout.tag(await blobOf(utf8('absent')), 'x'), 'failed_precondition')
    expect(readdirSync(join(dir.path, 'x')).toSorted()).toEqual(['blobs', 'index.json', 'oci-layout'])
  })

  test('are opened again, and made only in an empty place', async () => {
    using dir = tempDir()
    const path = join(dir.path, 'x')
    await failure((async () => openLayout(path))(), 'not_found')
    openLayout(path, { create: true })
    await openLayout(path, { create: true }).tag(await addImage(openLayout(path), 'one'), 'a:b')
    expect(await openLayout(path).images()).toHaveLength(1)
    writeFileSync(join(dir.path, 'file'), 'x')
    await failure((async () => openLayout(dir.path, { create: true }))(), 'failed_precondition')
  })

  test('keep every name that processes give at once, and break the lock of a dead one', async () => {
    using dir = tempDir()
    const path = join(dir.path, 'x')
    const layout = openLayout(path, { create: true })
    const image = await addImage(layout, 'one')
    const dead = await must([
      process.execPath,
      '-e',
      `console.log((await import('${import.meta.dir}/../process.ts')).ownerTag())`,
    ])
    writeFileSync(join(path, '.index.lock'), dead.trim())
    writeFileSync(join(path, `.put-${dead.trim()}-1`), 'half a blob')
    writeFileSync(join(path, `.put-${ownerTag()}-1`), 'another one, being written')
    openLayout(path, { create: true })
    expect(readdirSync(path).filter((name) => name.startsWith('.put-'))).toEqual([`.put-${ownerTag()}-1`])
    rmSync(join(path, `.put-${ownerTag()}-1`))
    const script = `
      import { openLayout } from '#content'
      const [path, image, n] = process.argv.slice(1)
      for (let i = 0; i < 10; i++) await openLayout(path).tag(JSON.parse(image), 'app:' + n + '-' + i)
    `
    await Promise.all(
      ['a', 'b', 'c'].map((n) =>
        must([process.execPath, '-e', script, path, JSON.stringify(image), n], { cwd: import.meta.dir }),
      ),
    )
    expect((await layout.images())[0]?.names).toHaveLength(30)
    expect(readdirSync(path).toSorted()).toEqual(['blobs', 'index.json', 'oci-layout'])
    expect(ownerTag()).not.toBe(dead)
  })

  test('as tars: the same images give the same bytes, and what goes in comes out', async () => {
    using dir = tempDir()
    const layout = openLayout(join(dir.path, 'x'), { create: true })
    const one = await addImage(layout, 'one')
    const images = [{ root: one, names: ['docker.io/library/app:1', 'docker.io/library/app:2'] }]
    const graph = await readGraph(layout, [one])
    const write = (): Promise<Uint8Array> => collect(writeLayoutTar(images, graph, layout), 1 << 20)
    const bytes = await write()
    expect(await write()).toEqual(bytes)
    const path = join(dir.path, 'x.tar')
    writeFileSync(path, bytes)
    for (const source of [{ path }, { stream: streamOf(bytes.subarray(0, 3), bytes.subarray(3)) }]) {
      await using files = await openArchive(source, { spool: dir.path })
      expect(isLayout(files)).toBe(true)
      const archive = layoutArchive(files)
      expect(await archive.images()).toEqual(images)
      const copy = openLayout(join(dir.path, `copy-${'path' in source}`), { create: true })
      await copyGraph(archive, copy, await archive.resolve('app:2'), { select: onlyPresent(archive) })
      expect(await readGraph(copy, [one])).toEqual(graph)
    }
    expect(readdirSync(dir.path).filter((name) => name.startsWith('put-'))).toEqual([])
  })

  test('an index may lack entries, a manifest may not lack its layers', async () => {
    using dir = tempDir()
    const layout = openLayout(join(dir.path, 'x'), { create: true })
    const one = await addImage(layout, 'one')
    const absent = { ...(await blobOf(utf8('absent'))), mediaType: MediaType.ociManifest }
    const index = await encodeDocument(MediaType.ociIndex, { schemaVersion: 2, manifests: [absent, one] })
    await layout.put(index.descriptor, streamOf(index.bytes))
    const copy = openLayout(join(dir.path, 'copy'), { create: true })
    await copyGraph(layout, copy, index.descriptor, { select: onlyPresent(layout) })
    expect((await readGraph(copy, [index.descriptor])).documents.size).toBe(2)
    await failure(copyGraph(layout, copy, index.descriptor), 'not_found')
    const manifest = { schemaVersion: 2, config: { ...absent, mediaType: MediaType.ociConfig }, layers: [] }
    const torn = await encodeDocument(MediaType.ociManifest, manifest)
    await layout.put(torn.descriptor, streamOf(torn.bytes))
    await failure(readGraph(layout, [torn.descriptor]), 'not_found')
  })
})

describe('hostile layouts', () => {
  const make = (dir: string, index: unknown): string => {
    const path = join(dir, 'x')
    mkdirSync(join(path, 'blobs/sha256'), { recursive: true })
    writeFileSync(join(path, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
    writeFileSync(join(path, 'index.json'), typeof index === 'string' ? index : JSON.stringify(index))
    return path
  }
  const entry = { mediaType: MediaType.ociManifest, digest: `sha256:${'a'.repeat(64)}`, size: 5 }

  test.each([
    ['no JSON', '{'],
    ['deep JSON', '['.repeat(100_000)],
    ['an array', []],
    ['both layers and manifests', { schemaVersion: 2, manifests: [], layers: [] }],
    ['a digest that climbs', { schemaVersion: 2, manifests: [{ ...entry, digest: 'sha256:../../../etc/passwd' }] }],
    ['a negative size', { schemaVersion: 2, manifests: [{ ...entry, size: -1 }] }],
    ['names that are no text', { schemaVersion: 2, manifests: [{ ...entry, annotations: { a: 1 } }] }],
  ])('an index with %s is refused', async (_, index) => {
    using dir = tempDir()
    const layout = openLayout(make(dir.path, index))
    const error = await layout.images().then(() => undefined, String)
    expect(error).toMatch(/index/)
  })

  test('a layout of another version, or without its marker, is refused', async () => {
    using dir = tempDir()
    const path = make(dir.path, { schemaVersion: 2, manifests: [] })
    writeFileSync(join(path, 'oci-layout'), '{"imageLayoutVersion":"9.0"}')
    expect(() => openLayout(path)).toThrow(/version/)
    writeFileSync(join(path, 'oci-layout'), '[]')
    expect(() => openLayout(path)).toThrow(/object/)
  })

  test('names that are no references are not taken for names', async () => {
    using dir = tempDir()
    const annotations = { 'io.containerd.image.name': '../../x', 'org.opencontainers.image.ref.name': 'A B\u0000' }
    const layout = openLayout(make(dir.path, { schemaVersion: 2, manifests: [{ ...entry, annotations }] }))
    expect((await layout.images())[0]?.names).toEqual([])
  })

  test('blobs that lie, and links that lead out, are not served', async () => {
    using dir = tempDir()
    const path = make(dir.path, { schemaVersion: 2, manifests: [entry] })
    const layout = openLayout(path)
    const d = await blobOf(utf8('hello'))
    const blob = join(path, 'blobs/sha256', d.digest.slice(7))
    writeFileSync(blob, 'hellO')
    await failure(
      layout.open(d).then((s) => collect(s, 9)),
      'data_loss',
    )
    writeFileSync(join(dir.path, 'secret'), 'hello')
    const other = await blobOf(utf8('other'))
    symlinkSync(join(dir.path, 'secret'), join(path, 'blobs/sha256', other.digest.slice(7)))
    await failure(layout.has(other), 'invalid_argument')
  })

  test('an index that names itself through another is no way to loop', async () => {
    using dir = tempDir()
    // Two documents cannot hold each other's digests: the second file lies about its own.
    const b = `sha256:${'b'.repeat(64)}`
    const one = JSON.stringify({
      schemaVersion: 2,
      manifests: [{ mediaType: MediaType.ociIndex, digest: b, size: 200 }],
    })
    const d = { ...(await blobOf(utf8(one))), mediaType: MediaType.ociIndex }
    const path = make(dir.path, { schemaVersion: 2, manifests: [d] })
    writeFileSync(join(path, 'blobs/sha256', d.digest.slice(7)), one)
    const two = JSON.stringify({ schemaVersion: 2, manifests: [d] })
    writeFileSync(join(path, 'blobs/sha256', 'b'.repeat(64)), two.padEnd(200))
    const copy = openLayout(join(dir.path, 'copy'), { create: true })
    await failure(copyGraph(openLayout(path), copy, d), 'data_loss')
    await failure(readGraph(openLayout(path), [d]), 'data_loss')
  })
})

describe('hostile archives', () => {
  const python = (dir: string, body: string): Promise<string> =>
    must([
      'python3',
      '-c',
      `import tarfile, io, sys
t = tarfile.open(sys.argv[1], 'w')
def add(name, data=b'x', **more):
    i = tarfile.TarInfo(name); i.size = len(data)
    for k, v in more.items(): setattr(i, k, v)
    t.addfile(i, io.BytesIO(data))
def link(name, to, type=tarfile.SYMTYPE):
    i = tarfile.TarInfo(name); i.type = type; i.linkname = to; t.addfile(i)
${body}
t.close()`,
      join(dir, 'x.tar'),
    ])
  const skip = skipReason('hostile archives', lacking('python3'))

  test.skipIf(skip)('paths and links that leave the archive are refused', async () => {
    using dir = tempDir()
    const open = (): ReturnType<typeof openArchive> =>
      openArchive({ path: join(dir.path, 'x.tar') }, { spool: dir.path })
    await python(dir.path, `add('../escape')`)
    await failure(open(), 'invalid_argument')
    await python(dir.path, `link('a/b', '../../etc/passwd')`)
    await failure(open(), 'invalid_argument')
    await python(dir.path, `link('a', 'b'); link('b', 'a'); link('c', '/etc/passwd'); add('/etc/hosts', b'inside')`)
    await using files = await open()
    expect(() => files.size('a')).toThrow(/nowhere/)
    expect(files.size('c')).toBeUndefined()
    expect(await collect(files.read('etc/hosts'), 99)).toEqual(utf8('inside'))
  })

  test.skipIf(skip)('two control files of one name are ambiguous; the last of two others counts', async () => {
    using dir = tempDir()
    const path = join(dir.path, 'x.tar')
    await python(dir.path, `add('index.json', b'{}'); add('./index.json', b'{}')`)
    await failure(openArchive({ path }, { spool: dir.path }), 'invalid_argument')
    await python(dir.path, `add('a', b'1'); add('a', b'22'); link('b', 'a', tarfile.LNKTYPE); link('d/c', '../a')`)
    await using files = await openArchive({ path }, { spool: dir.path })
    for (const name of ['a', './a', 'b', 'd/c']) expect(await collect(files.read(name), 9)).toEqual(utf8('22'))
    expect(files.document('nothing')).toBeUndefined()
  })

  test.skipIf(skip)('truncated, huge, foreign and bomb-like ones are refused', async () => {
    using dir = tempDir()
    const path = join(dir.path, 'x.tar')
    await python(dir.path, `add('index.json', b'{}' * 3000000); add('layer', b'z' * 100000)`)
    {
      await using files = await openArchive({ path }, { spool: dir.path })
      expect(() => files.document('index.json')).toThrow(/at most/)
    }
    const whole = readFileSync(path)
    for (const length of [3_000_000, 6_050_000]) {
      writeFileSync(path, whole.subarray(0, length))
      await failure(openArchive({ path }, { spool: dir.path }), 'data_loss')
    }
    await must(['sh', '-c', `head -c 50000000 /dev/zero | gzip > ${path}`])
    await failure(
      openArchive({ path }, { spool: dir.path, expansion: { bytes: 1 << 20, ratio: 10 } }),
      'resource_exhausted',
    )
    await must(['sh', '-c', `echo x | xz | head -c 20 > ${path}`])
    await failure(openArchive({ path }, { spool: dir.path }), 'data_loss')
    await failure(openArchive({ path: join(dir.path, 'absent') }, { spool: dir.path }), 'not_found')
    await failure(
      openArchive({ stream: streamOf(utf8('garbage'.repeat(200))) }, { spool: dir.path }),
      'invalid_argument',
    )
    expect(readdirSync(dir.path)).toEqual(['x.tar'])
  })
})

describe('layouts of others', () => {
  const skip = skipReason('skopeo and umoci', lacking('skopeo', 'umoci'))

  test.skipIf(skip)('skopeo and umoci read ours, we read theirs, with the same digests', async () => {
    using dir = tempDir()
    const ours = join(dir.path, 'ours')
    const layout = openLayout(ours, { create: true })
    const image = await addImage(layout, 'one')
    await layout.tag(image, 'latest')
    const inspected = JSON.parse(await must(['skopeo', 'inspect', `oci:${ours}:latest`])) as { Digest: string }
    expect(inspected.Digest).toBe(image.digest)
    await must(['umoci', 'stat', '--image', `${ours}:latest`])
    const policy = ['--insecure-policy', 'copy']
    await must(['skopeo', ...policy, `oci:${ours}:latest`, `oci:${dir.path}/theirs:some/name:tag`])
    await must(['skopeo', ...policy, `oci:${ours}:latest`, `oci-archive:${dir.path}/theirs.tar:other:tag`])
    const theirs = openLayout(join(dir.path, 'theirs'))
    expect(await theirs.images()).toEqual([
      { root: expect.anything() as Descriptor, names: ['docker.io/some/name:tag'] },
    ])
    await using files = await openArchive({ path: join(dir.path, 'theirs.tar') }, { spool: dir.path })
    const archive = layoutArchive(files)
    for (const from of [theirs, archive]) {
      const [found] = await from.images()
      const graph = await readGraph(from, [found!.root])
      expect(graph.leaves.size).toBe(2)
    }
    // Our tar, read by skopeo.
    const graph = await readGraph(layout, [image])
    const tar = writeLayoutTar([{ root: image, names: ['docker.io/library/x:1'] }], graph, layout)
    writeFileSync(join(dir.path, 'ours.tar'), await collect(tar, 1 << 20))
    const { stdout } = await run(['skopeo', 'inspect', `oci-archive:${dir.path}/ours.tar:1`])
    expect((JSON.parse(stdout) as { Digest: string }).Digest).toBe(image.digest)
    expect(existsSync(join(ours, '.index.lock'))).toBe(false)
  })
})
