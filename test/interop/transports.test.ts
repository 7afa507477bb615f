import { describe, expect, test } from 'bun:test'
import { readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import {
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

// One image that is hard to carry, in every form in which docker, podman, skopeo and buildah write images: loaded, run
// and saved again under the digests that it had; what we saved, they load; and a container shows what theirs shows.

const skip = skipReason(
  'transports',
  needsRoot(),
  lacking('dockerd', 'podman', 'skopeo', 'buildah', 'python3', 'busybox', 'xz', 'bzip2', 'zstd'),
)

interface World {
  readonly dir: TempDir
  readonly docker: Dockerd
  readonly storage: ContainersStorage
}

let world: World

const script = join(import.meta.dir, 'hardimage.py')
const path = (name: string): string => join(world.dir.path, name)
const docker = (...args: string[]): Promise<string> => must([world.docker.client, ...args], { env: world.docker.env })
const peer = (tool: 'podman' | 'buildah' | 'skopeo', ...args: string[]): Promise<string> =>
  must(world.storage.command(tool, args), { env: world.storage.env })
const FULL = 'docker.io/library/hard:one'
/** What whiteouts and replacements leave. */
const LOOK =
  'cat /same /file-again; ls /now-dir /opaque; ls /gone /keep/b 2>/dev/null; stat -c %a /setuid; ls -1 /odd | wc -l'
const SEEN = '2again/now-dir:\ninside\n\n/opaque:\nnew\n4755\n7\n'

setUp(skip, async (use) => {
  world = {
    dir: use(tempDir('cairn-transports-')),
    docker: use(await startDockerd()),
    storage: use(containersStorage()),
  }
  for (const form of ['docker', 'oci'])
    await must(['python3', script, form, Bun.which('busybox')!, path(`${form}.tar`)])
  await docker('load', '-i', path('docker.tar'))
  await peer('podman', 'load', '-q', '-i', path('docker.tar'))
  await docker('tag', 'hard:one', 'other:name')
  await peer('podman', 'tag', 'hard:one', 'other:name')
})

/** How each tool writes the image to `X`. */
const forms: Readonly<
  Record<string, readonly [tool: 'docker' | 'podman' | 'skopeo' | 'buildah' | 'none', ...args: string[]]>
> = {
  'docker: an image with three names': [
    'docker',
    'save',
    '-o',
    'X',
    'hard:one',
    'example.com:5000/hard/two:v2',
    'other:name',
  ],
  'podman: several names': ['podman', 'save', '-m', '-o', 'X', FULL, 'localhost/other:name'],
  ...Object.fromEntries(
    ['docker-archive', 'oci-archive', 'docker-dir', 'oci-dir'].map((format) => [
      `podman: ${format}`,
      ['podman', 'save', '--format', format, '-o', 'X', FULL],
    ]),
  ),
  'skopeo: docker-archive': ['skopeo', 'copy', `containers-storage:${FULL}`, 'docker-archive:X:hard:one'],
  ...Object.fromEntries(
    ['oci:X:hard:one', 'oci:X', 'oci-archive:X:hard:one', 'dir:X'].flatMap((to) =>
      ['gzip', 'zstd'].map((format) => [
        `skopeo: ${to} ${format}`,
        ['skopeo', 'copy', '--dest-compress', '--dest-compress-format', format, `containers-storage:${FULL}`, to],
      ]),
    ),
  ),
  'skopeo: v2s2': ['skopeo', 'copy', '--format', 'v2s2', 'docker-archive:DOCKER:hard:one', 'dir:X'],
  ...Object.fromEntries(
    ['oci:X:hard:one', 'oci-archive:X:hard:one', 'dir:X'].map((to) => [
      `buildah: ${to}`,
      ['buildah', 'push', FULL, to],
    ]),
  ),
  'docker since 25, by hand': ['none'],
}

/** The digests of the manifests that are written, where any are. */
async function written(at: string): Promise<readonly string[]> {
  const isDirectory = statSync(at).isDirectory()
  const index = isDirectory
    ? await Bun.file(join(at, 'index.json'))
        .text()
        .catch(() => '')
    : await must(['sh', '-c', 'tar -xOf "$1" index.json 2>/dev/null || true', 'sh', at])
  if (index !== '') return (JSON.parse(index) as { manifests: { digest: string }[] }).manifests.map((m) => m.digest)
  return isDirectory
    ? [`sha256:${new Bun.CryptoHasher('sha256').update(readFileSync(join(at, 'manifest.json'))).digest('hex')}`]
    : []
}

interface Loaded extends AsyncDisposable {
  readonly node: TestNode
  /** As `load` told them. */
  readonly refs: readonly string[]
  /** ID and manifest digest of the first. */
  readonly id: string
}

async function load(archive: string): Promise<Loaded> {
  const node = await cairnNode({ busybox: false })
  const told = await node.must(['load', '-i', archive])
  const refs = told
    .trim()
    .split('\n')
    .map((line) => line.slice(line.indexOf(': ') + 2))
  const id = await node.must(['inspect', '-f', '{{.Id}} {{.Descriptor.digest}}', refs[0]!])
  return { node, refs, id, [Symbol.asyncDispose]: () => node[Symbol.asyncDispose]() }
}

test.skipIf(skip).each(Object.keys(forms))(
  '%s: loaded, run, saved again, and loaded by others',
  async (form) => {
    const [tool, ...args] = forms[form]!
    const at = tool === 'none' ? path('oci.tar') : path('form')
    const command = args.map((arg) => arg.replace('DOCKER', path('docker.tar')).replace('X', at))
    if (tool !== 'none') await (tool === 'docker' ? docker(...command) : peer(tool, ...command))
    const again = path('again.tar')
    await using first = await load(at)
    expect(await first.node.must(['run', '--rm', '--network', 'none', first.refs[0]!, 'sh', '-c', LOOK])).toBe(SEEN)
    await first.node.must(['save', '-o', again, ...first.refs])
    const digests = await written(at)
    if (digests.length > 0) expect(new Set(await written(again))).toEqual(new Set(digests))
    await using second = await load(again)
    expect(second).toMatchObject({ refs: first.refs, id: first.id })
    await docker('load', '-i', again)
    await peer('podman', 'load', '-q', '-i', again)
    rmSync(path('form'), { recursive: true, force: true })
  },
  60_000,
)

test.skipIf(skip)(
  'a container shows what theirs shows',
  async () => {
    await using loaded = await load(path('docker.tar'))
    const container = (await loaded.node.must(['create', '--network', 'none', 'hard:one'])).trim()
    await loaded.node.must(['export', '-o', path('ours.tar'), container])
    const created = {
      docker: (await docker('create', '--network', 'none', 'hard:one')).trim(),
      podman: (await peer('podman', 'create', '--network', 'none', FULL)).trim(),
    }
    await docker('export', '-o', path('docker-export.tar'), created.docker)
    await peer('podman', 'export', '-o', path('podman-export.tar'), created.podman)
    for (const engine of ['docker', 'podman'])
      expect(await must(['python3', script, 'compare', path('ours.tar'), path(`${engine}-export.tar`)])).toBe('')
  },
  60_000,
)

describe.skipIf(skip)('compressed as a whole, from a file and from a pipe', () => {
  test.each(['gzip', 'bzip2', 'xz', 'zstd'])('%s', async (program) => {
    const packed = path(`whole.${program}`)
    await must(['sh', '-c', `${program} -c "$1" > "$2"`, 'sh', path('docker.tar'), packed])
    await using node = await cairnNode({ busybox: false })
    await node.must(['load', '-i', packed])
    await node.must(['rmi', '-f', 'hard:one', 'example.com:5000/hard/two:v2'])
    await must(['sh', '-c', 'exec "$@" < "$0"', packed, ...node.argv(['load'])])
    expect(await node.must(['run', '--rm', '--network', 'none', 'hard:one', 'cat', '/same'])).toBe('2')
  })
})
