import { describe, expect, test } from 'bun:test'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  busyboxRootfs,
  cairnNode,
  containersStorage,
  goTools,
  lacking,
  must,
  needsRoot,
  setUp,
  skipReason,
  startDockerd,
  startDockerRegistry,
  tempDir,
  type ContainersStorage,
  type Dockerd,
  type DockerRegistry,
  type TempDir,
  type TestNode,
} from '#testkit'

// What builds give out, judged by those who take it.

const skip = skipReason(
  'outputs read by others',
  needsRoot(),
  lacking('dockerd', 'podman', 'skopeo', 'docker-registry'),
)
const [oras] = skip ? [] : ((await goTools('oras.land/oras', 'v1.3.6', ['cmd/oras'])) ?? [])
const [buildx] = skip ? [] : ((await goTools('github.com/docker/buildx', 'v0.38.2', ['cmd/buildx'])) ?? [])

interface World {
  readonly dir: TempDir
  readonly node: TestNode
  readonly docker: Dockerd
  readonly storage: ContainersStorage
  readonly registry: DockerRegistry
}

let world: World

setUp(skip, async (use) => {
  const dir = use(tempDir('cairn-outputs-'))
  const context = join(dir.path, 'context')
  mkdirSync(join(context, 'sub'), { recursive: true })
  writeFileSync(join(context, 'sub/file'), 'content\n')
  writeFileSync(
    join(context, 'Dockerfile'),
    `FROM busybox AS made
RUN mkdir -p /out/dir && echo made > /out/dir/file && ln -s dir/file /out/link && ln /out/dir/file /out/hard && chmod 750 /out/dir
FROM scratch AS files
COPY --from=made --chown=5:6 /out /
COPY sub /sub
FROM busybox
COPY --from=made /out /out
CMD ["cat", "/out/link"]
`,
  )
  world = {
    dir,
    node: use(await cairnNode({ env: { HOME: dir.path } })),
    docker: use(await startDockerd()),
    storage: use(containersStorage()),
    registry: use(await startDockerRegistry()),
  }
  await must([world.docker.client, 'import', await busyboxRootfs(), 'busybox'], { env: world.docker.env })
})

const at = (name: string): string => join(world.dir.path, name)
const build = (...args: string[]): Promise<string> =>
  world.node.must(['build', '-q', '--network=none', ...args, at('context')])
const docker = (...args: string[]): Promise<string> => must([world.docker.client, ...args], { env: world.docker.env })
const dockerBuild = (output: string): Promise<string> =>
  must([world.docker.client, 'build', '-q', '--network=none', '--target=files', `--output=${output}`, at('context')], {
    env: { ...world.docker.env, DOCKER_BUILDKIT: '1' },
  })
const peer = (tool: 'podman' | 'skopeo', ...args: string[]): Promise<string> =>
  must(world.storage.command(tool, args), { env: world.storage.env })

/** `drwxr-x--- 5/6 0 dir/`: everything but times. */
async function listing(tar: string): Promise<string[]> {
  const lines = (await must(['tar', '--numeric-owner', '-tvf', tar])).trim().split('\n')
  return lines
    .map((line) =>
      line
        .replace(/ +\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?/, '')
        .replaceAll(/ +/g, ' ')
        .replace(/ \.\//, ' '),
    )
    .filter((line) => !/ \.?\/?$/.test(line))
    .toSorted()
}

function filesBelow(path: string): string[] {
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .toSorted()
    .map((name) => {
      const stat = statSync(join(path, name))
      const what = stat.isFile() ? readFileSync(join(path, name), 'utf8') : 'directory'
      return `${name} ${(stat.mode & 0o7777).toString(8)} ${stat.uid}:${stat.gid} ${what}`
    })
}

describe.skipIf(skip)('outputs', () => {
  test('docker loads type=docker, podman type=oci, gzip and zstd, one platform and several', async () => {
    await build('-t', 'out:docker', `-o=type=docker,dest=${at('docker.tar')}`)
    await docker('load', '-i', at('docker.tar'))
    expect(await docker('run', '--rm', '--network=none', 'out:docker')).toBe('made\n')
    for (const compression of ['gzip', 'zstd']) {
      await build('-t', `out:${compression}`, `-o=type=oci,compression=${compression},dest=${at('oci.tar')}`)
      await peer('podman', 'load', '-i', at('oci.tar'))
      expect(await peer('podman', 'run', '--rm', '--network=none', `docker.io/library/out:${compression}`)).toBe(
        'made\n',
      )
    }
    await build(
      '-t',
      'out:many',
      '--target=files',
      '--platform=linux/amd64,linux/arm64',
      `-o=type=oci,dest=${at('many.tar')}`,
    )
    for (const arch of ['amd64', 'arm64'])
      expect(
        await peer(
          'skopeo',
          'inspect',
          `--override-arch=${arch}`,
          '--format={{.Architecture}}',
          `oci-archive:${at('many.tar')}`,
        ),
      ).toBe(`${arch}\n`)
  })

  test('type=tar and type=local hold what BuildKit’s do', async () => {
    await build('--target=files', `-o=type=tar,dest=${at('ours.tar')}`)
    await dockerBuild(`type=tar,dest=${at('theirs.tar')}`)
    expect(await listing(at('ours.tar'))).toEqual(await listing(at('theirs.tar')))
    await build('--target=files', '-o', at('ours'))
    await dockerBuild(`type=local,dest=${at('theirs')}`)
    expect(filesBelow(at('ours'))).toEqual(filesBelow(at('theirs')))
  })

  test.skipIf(oras === undefined)('oras finds the statements about an image as its referrers', async () => {
    const child = Bun.spawn(
      world.node.argv(['registry', 'serve', '--address', '127.0.0.1:0', '--storage', at('registry')]),
      { stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' },
    )
    const { value } = await child.stdout.getReader().read()
    const host = /http:\/\/(\S+)/.exec(new TextDecoder().decode(value))![1]!
    const name = `${host}/attested:1`
    await build(
      '-t',
      name,
      '--push',
      '--provenance=true',
      '--cache-to=type=inline',
      `--metadata-file=${at('metadata')}`,
    )
    const discover = async (ref: string): Promise<(string | undefined)[]> => {
      const found = JSON.parse(await must([oras!, 'discover', '--plain-http', '--format=json', ref])) as {
        referrers?: { artifactType?: string }[]
      }
      return (found.referrers ?? []).map(({ artifactType }) => artifactType)
    }
    const index = JSON.parse(await must([oras!, 'manifest', 'fetch', '--plain-http', name])) as {
      manifests: { digest: string }[]
    }
    expect(await discover(name)).toEqual(['application/vnd.cairn.buildcache.v1'])
    expect(await discover(`${host}/attested@${index.manifests[0]!.digest}`)).toEqual([
      'application/vnd.docker.attestation.manifest.v1+json',
    ])
    const plain = `${host}/referred:1`
    await build('-t', plain, '--provenance=true', '--sbom=true', '--output=type=registry,attestations=referrers')
    const image = JSON.parse(await must([oras!, 'manifest', 'fetch', '--plain-http', '--descriptor', plain])) as object
    expect(image).toMatchObject({ digest: index.manifests[0]!.digest })
    expect(await discover(plain)).toEqual(['application/vnd.docker.attestation.manifest.v1+json'])
    child.kill('SIGTERM')
    await child.exited
  })

  test.skipIf(buildx === undefined)('buildx reads the provenance and the SBOM of a pushed image', async () => {
    const name = `${world.registry.host}/attested:1`
    await build('-t', name, '--push', '--provenance=mode=max', '--sbom=true')
    const inspect = async (format: string): Promise<unknown> =>
      JSON.parse(
        await must([buildx!, 'imagetools', 'inspect', '--format', format, name], { env: { HOME: world.dir.path } }),
      )
    expect(await inspect('{{json .Provenance.SLSA}}')).toMatchObject({
      buildDefinition: { buildType: 'urn:cairn:build:dockerfile:v1' },
    })
    expect(await inspect('{{json .SBOM.SPDX}}')).toMatchObject({ spdxVersion: 'SPDX-2.3' })
    expect(await inspect('{{json .Image}}')).toMatchObject({ os: 'linux' })
  })
})
