import { beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  busyboxRootfs,
  cairnNode,
  containersStorage,
  lacking,
  must,
  needsRoot,
  setUp,
  skipReason,
  startDockerd,
  tempDir,
  type ContainersStorage,
  type Dockerd,
  type TempDir,
  type TestNode,
} from '#testkit'

// Archives written by others are loaded, run and saved again under identical digests; others
// accept what we write. Every peer is real and private.

const skip = skipReason('archives of other engines', needsRoot(), lacking('dockerd', 'podman', 'skopeo', 'buildah'))

interface World {
  readonly dir: TempDir
  readonly node: TestNode
  readonly docker: Dockerd
  readonly storage: ContainersStorage
}

let world: World

/** Two layers, a whiteout, a hard link, a user and an environment: what an archive must carry over. */
const dockerfile = `FROM busybox
ENV GREETING=hello
RUN echo one > /one && echo two > /two && ln /one /linked && mkdir /dir && echo x > /dir/x
RUN rm /two && rm -r /dir && mkdir /dir && echo y > /dir/y && chmod 4755 /one
USER user
WORKDIR /tmp
CMD ["sh", "-c", "echo $GREETING; cat /one /dir/y; ls /two /dir/x 2>/dev/null; id -u; pwd"]
`
const expected = 'hello\none\ny\n1000\n/tmp\n'

setUp(skip, async (use) => {
  const dir = use(tempDir('cairn-interop-'))
  mkdirSync(join(dir.path, 'context'))
  writeFileSync(join(dir.path, 'context/Dockerfile'), dockerfile)
  world = { dir, node: use(await cairnNode()), docker: use(await startDockerd()), storage: use(containersStorage()) }
  await must([world.docker.client, 'import', await busyboxRootfs(), 'busybox'], { env: world.docker.env })
  await must(
    [world.docker.client, 'build', '-q', '--network', 'none', '-t', 'peer:docker', join(dir.path, 'context')],
    { env: world.docker.env },
  )
  await must(world.storage.command('podman', ['import', '-q', await busyboxRootfs(), 'busybox']), {
    env: world.storage.env,
  })
  await must(
    world.storage.command('buildah', [
      'build',
      '--runtime',
      'runc',
      '--layers',
      '--network',
      'none',
      '-t',
      'peer:buildah',
      join(dir.path, 'context'),
    ]),
    { env: world.storage.env },
  )
})

const path = (name: string): string => join(world.dir.path, name)
const docker = (...args: string[]): Promise<string> => must([world.docker.client, ...args], { env: world.docker.env })
const peer = (tool: 'podman' | 'buildah' | 'skopeo', ...args: string[]): Promise<string> =>
  must(world.storage.command(tool, args), { env: world.storage.env })

const configDigest = async (image: string): Promise<string> =>
  (await world.node.must(['inspect', '--format', '{{.Id}}', image])).trim()

/** The digest of the one manifest in an archive's index.json. */
async function manifestDigest(archive: string): Promise<string> {
  const index = JSON.parse(await must(['tar', '-xOf', archive, 'index.json'])) as { manifests: { digest: string }[] }
  return index.manifests[0]!.digest
}

describe.skipIf(skip)('what others wrote', () => {
  test('docker save: loaded, run and saved under the same image ID', async () => {
    await docker('save', '-o', path('docker.tar'), 'peer:docker')
    await world.node.must(['load', '-i', path('docker.tar')])
    expect(await configDigest('peer:docker')).toBe(
      (await docker('inspect', '--format', '{{.Id}}', 'peer:docker')).trim(),
    )
    expect(await world.node.must(['run', '--rm', '--network', 'none', 'peer:docker'])).toBe(expected)
    await world.node.must(['save', '-o', path('docker-again.tar'), 'peer:docker'])
    const id = (await docker('inspect', '--format', '{{.Id}}', 'peer:docker')).trim()
    await docker('rmi', 'peer:docker')
    await docker('load', '-i', path('docker-again.tar'))
    expect((await docker('inspect', '--format', '{{.Id}}', 'peer:docker')).trim()).toBe(id)
  })

  test('docker save piped through gzip: loaded from stdin', async () => {
    await must(['sh', '-c', `gzip -c ${path('docker.tar')} > ${path('docker.tar.gz')}`])
    await world.node.must(['rmi', 'peer:docker'])
    await must(['sh', '-c', `"$@" load < ${path('docker.tar.gz')}`, 'sh', ...world.node.argv([])])
    expect(await world.node.must(['run', '--rm', '--network', 'none', 'peer:docker'])).toBe(expected)
  })

  for (const format of ['docker-archive', 'oci-archive'] as const) {
    test(`podman save --format ${format}: loaded, run and saved again`, async () => {
      await peer('podman', 'save', '--format', format, '-o', path(`podman-${format}.tar`), 'localhost/peer:buildah')
      await world.node.must(['load', '-i', path(`podman-${format}.tar`)])
      const id = (await peer('podman', 'inspect', '--format', '{{.Id}}', 'localhost/peer:buildah')).trim()
      expect(await configDigest('localhost/peer:buildah')).toEndWith(id)
      expect(await world.node.must(['run', '--rm', '--network', 'none', 'localhost/peer:buildah'])).toBe(expected)
      await world.node.must(['save', '-o', path('podman-again.tar'), 'localhost/peer:buildah'])
      if (format === 'oci-archive')
        expect(await manifestDigest(path('podman-again.tar'))).toBe(await manifestDigest(path(`podman-${format}.tar`)))
      await world.node.must(['rmi', 'localhost/peer:buildah'])
    })
  }

  for (const compression of ['gzip', 'zstd'] as const) {
    test(`skopeo oci-archive with ${compression} layers: manifest digest unchanged by load and save`, async () => {
      const from = path(`skopeo-${compression}.tar`)
      await peer(
        'skopeo',
        'copy',
        '--dest-compress',
        '--dest-compress-format',
        compression,
        'containers-storage:localhost/peer:buildah',
        `oci-archive:${from}:skopeo:${compression}`,
      )
      await world.node.must(['load', '-i', from])
      expect(await world.node.must(['run', '--rm', '--network', 'none', `skopeo:${compression}`])).toBe(expected)
      await world.node.must(['save', '-o', path('skopeo-again.tar'), `skopeo:${compression}`])
      expect(await manifestDigest(path('skopeo-again.tar'))).toBe(await manifestDigest(from))
    })
  }

  test('an OCI layout directory written by skopeo', async () => {
    await peer('skopeo', 'copy', 'containers-storage:localhost/peer:buildah', `oci:${path('layout')}:laid:out`)
    await world.node.must(['load', '-i', path('layout')])
    expect(await world.node.must(['run', '--rm', '--network', 'none', 'laid:out'])).toBe(expected)
  })
})

describe.skipIf(skip)('a dir:, which skopeo and podman save write', () => {
  test.each(['oci', 'v2s2'])('with a manifest of format %s: the digests stay', async (format) => {
    const dir = path(`dir-${format}`)
    await peer('skopeo', 'copy', '--format', format, 'containers-storage:localhost/peer:buildah', `dir:${dir}`)
    const digest = `sha256:${new Bun.CryptoHasher('sha256').update(readFileSync(join(dir, 'manifest.json'))).digest('hex')}`
    // The ID stands for one manifest here alone: other forms of the image have the same.
    await using own = await cairnNode({ busybox: false })
    const id = (await own.must(['load', '-i', dir])).replace('Loaded image ID: ', '').trim()
    expect(await own.must(['run', '--rm', '--network', 'none', id])).toBe(expected)
    expect(await own.must(['inspect', '-f', '{{.Descriptor.digest}}', id])).toBe(`${digest}\n`)
  })

  test('damaged in any file: nothing is loaded', async () => {
    const dir = path('dir-oci')
    for (const name of readdirSync(dir)) {
      const bytes = readFileSync(join(dir, name))
      const changed = Uint8Array.from(bytes)
      changed[changed.length >> 1]! ^= 1
      writeFileSync(join(dir, name), changed)
      // Nothing of it is here already: that would not be read.
      await using own = await cairnNode({ busybox: false })
      const { code, stderr } = await own.cairn(['load', '-i', dir])
      // A manifest is what names the image: another one is another image, whose parts are not there.
      expect({ name, code, lines: stderr.split('\n').length > 1 }).toEqual({ name, code: 1, lines: true })
      writeFileSync(join(dir, name), bytes)
    }
  })
})

describe.skipIf(skip)('what we wrote', () => {
  beforeAll(async () => {
    await world.node.must(['build', '-q', '--network', 'none', '-t', 'ours:built', path('context')])
    await world.node.must(['save', '-o', path('ours.tar'), 'ours:built'])
  }, 120_000)

  test('runs as the others do', async () => {
    expect(await world.node.must(['run', '--rm', '--network', 'none', 'ours:built'])).toBe(expected)
  })

  test('docker load accepts it, with the same image ID, and runs it', async () => {
    await docker('load', '-i', path('ours.tar'))
    expect((await docker('inspect', '--format', '{{.Id}}', 'ours:built')).trim()).toBe(await configDigest('ours:built'))
    expect(await docker('run', '--rm', '--network', 'none', 'ours:built')).toBe(expected)
  })

  test('podman load accepts it and runs it', async () => {
    await peer('podman', 'load', '-q', '-i', path('ours.tar'))
    expect(await peer('podman', 'run', '--rm', '--network', 'none', 'ours:built')).toBe(expected)
  })

  test('skopeo reads it as docker-archive and as oci-archive', async () => {
    await peer('skopeo', 'copy', `docker-archive:${path('ours.tar')}`, `dir:${path('as-docker')}`)
    await peer('skopeo', 'copy', `oci-archive:${path('ours.tar')}`, `dir:${path('as-oci')}`)
  })

  test('saving twice gives the same bytes', async () => {
    await world.node.must(['save', '-o', path('ours-again.tar'), 'ours:built'])
    await must(['cmp', path('ours.tar'), path('ours-again.tar')])
  })

  test('docker import accepts an export', async () => {
    await world.node.must(['create', '--name', 'exported', '--network', 'none', 'ours:built'])
    await world.node.must(['export', '-o', path('export.tar'), 'exported'])
    await docker('import', path('export.tar'), 'exported:docker')
    expect(await docker('run', '--rm', '--network', 'none', 'exported:docker', 'cat', '/one')).toBe('one\n')
  })
})
