import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { openLayout } from '#content'
import {
  busyboxRootfs,
  cairnNode,
  containersStorage,
  lacking,
  must,
  needsRoot,
  run,
  sampleIndex,
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

// `copy` to and from what other engines keep: their daemons, stores, registries and archives, all real and private.

const skip = skipReason('copy to and from other engines', needsRoot(), lacking('dockerd', 'podman', 'skopeo'))

interface World {
  readonly dir: TempDir
  readonly node: TestNode
  readonly docker: Dockerd
  readonly storage: ContainersStorage
  readonly registry: DockerRegistry
}

let world: World

setUp(skip, async (use) => {
  const dir = use(tempDir('cairn-copy-'))
  const docker = use(await startDockerd())
  const storage = use(containersStorage())
  const node = use(await cairnNode({ env: { ...docker.env, ...storage.env, HOME: dir.path } }))
  world = { dir, node, docker, storage, registry: use(await startDockerRegistry()) }
})

const copy = (...args: string[]): Promise<string> => world.node.must(['copy', '-q', ...args])
const at = (name: string): string => `docker://${world.registry.host}/${name}`
const file = (name: string): string => join(world.dir.path, name)

async function idOf(name: string): Promise<string> {
  return (await world.node.must(['inspect', '--format', '{{.Id}}', name])).trim()
}

async function skopeo(...args: string[]): Promise<string> {
  return (await must(world.storage.command('skopeo', args), { env: world.storage.env })).trim()
}

async function docker(...args: string[]): Promise<string> {
  return (await must([world.docker.client, ...args], { env: world.docker.env })).trim()
}

describe.skipIf(skip)('copy', () => {
  test('into a Docker daemon and out of it: the same image ID', async () => {
    await copy('busybox', 'docker-daemon:box:v1')
    expect(await docker('image', 'inspect', '--format', '{{.Id}}', 'box:v1')).toBe(await idOf('busybox'))
    await docker('tag', 'box:v1', 'box:v2')
    await copy('docker-daemon:box:v2', 'from-docker')
    expect(await idOf('from-docker')).toBe(await idOf('busybox'))
    const missing = await world.node.cairn(['copy', 'docker-daemon:no/such:v1', 'x'])
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining('docker has no image no/such:v1')])
    const env = { DOCKER_HOST: `unix://${file('nowhere.sock')}` }
    const unreachable = await world.node.cairn(['copy', 'docker-daemon:x', 'y'], { env })
    expect(unreachable.stderr).toContain('cannot reach the Docker daemon')
  }, 60_000)

  test('into the store of podman and out of it', async () => {
    await copy('busybox', 'containers-storage:localhost/box:v1')
    const seen = await must(
      world.storage.command('podman', ['image', 'inspect', '--format', '{{.Id}}', 'localhost/box:v1']),
      { env: world.storage.env },
    )
    expect(`sha256:${seen.trim()}`).toBe(await idOf('busybox'))
    await must(world.storage.command('podman', ['import', '-q', await busyboxRootfs(), 'other']), {
      env: world.storage.env,
    })
    await copy('containers-storage:localhost/other:latest', 'from-podman')
    expect(await world.node.must(['run', '--rm', '--network', 'none', 'from-podman', 'echo', 'ok'])).toBe('ok\n')
    const missing = await world.node.cairn(['copy', 'containers-storage:localhost/none', 'x'])
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining('skopeo failed')])
  }, 60_000)

  test('what skopeo wrote we read, what we wrote skopeo reads: index, digests and all', async () => {
    const layout = openLayout(file('multi'), { create: true })
    const { index } = await sampleIndex(layout, 'v1')
    const whole = ['copy', '-q', '--all', '--preserve-digests']
    await skopeo(...whole, '--dest-tls-verify=false', `oci:${file('multi')}:v1`, at('skopeo/multi:v1'))
    expect(await copy(at('skopeo/multi:v1'), at('cairn/multi:v1'))).toBe(`${index.digest}\n`)
    expect(await copy(at('cairn/multi:v1'), `oci-archive:${file('multi.tar')}:v1`)).toBe(`${index.digest}\n`)
    await skopeo(...whole, `oci-archive:${file('multi.tar')}:v1`, `oci:${file('back')}:v1`)
    expect((await openLayout(file('back')).resolve('v1')).digest).toBe(index.digest)
    await skopeo(...whole, `oci:${file('back')}:v1`, `oci-archive:${file('back.tar')}:v1`)
    expect(await copy(`oci-archive:${file('back.tar')}:v1`, at('cairn/multi:v2'))).toBe(`${index.digest}\n`)
    const raw = await skopeo('inspect', '--tls-verify=false', '--format', '{{.Digest}}', at('cairn/multi:v2'))
    expect(raw).toBe(index.digest)
  }, 60_000)

  test('a docker-archive is loaded by docker under the name it was copied to', async () => {
    await copy('busybox', `docker-archive:${file('docker.tar')}:team/box:v3`)
    expect(await docker('load', '-i', file('docker.tar'))).toContain('team/box:v3')
    await docker('save', '-o', file('saved.tar'), 'team/box:v3')
    await copy(`docker-archive:${file('saved.tar')}`, 'saved')
    expect(await idOf('saved')).toBe(await idOf('busybox'))
  }, 60_000)

  test('what docker, podman and buildah push we pull, what we push they pull: the same digests', async () => {
    const { registry, storage, node } = world
    const host = registry.host
    const tool = async (name: 'podman' | 'buildah', ...args: string[]): Promise<string> =>
      (await must(storage.command(name, args), { env: storage.env })).trim()
    const remote = (name: string): Promise<string> =>
      skopeo('inspect', '--tls-verify=false', '--format', '{{.Digest}}', `docker://${host}/${name}`)
    // Theirs.
    await docker('import', await busyboxRootfs(), `${host}/their/app:docker`)
    await docker('push', `${host}/their/app:docker`)
    await tool('podman', 'import', '-q', await busyboxRootfs(), `${host}/their/app:podman`)
    await tool('podman', 'push', '-q', '--tls-verify=false', `${host}/their/app:podman`)
    await tool('buildah', 'manifest', 'create', 'list', `${host}/their/app:podman`)
    await tool(
      'buildah',
      'manifest',
      'push',
      '--all',
      '--tls-verify=false',
      'list',
      `docker://${host}/their/app:buildah`,
    )
    for (const tag of ['docker', 'podman', 'buildah']) {
      const name = `${host}/their/app:${tag}`
      expect(await node.must(['pull', name])).toContain(`Digest: ${await remote(`their/app:${tag}`)}\n`)
      expect(await node.must(['run', '--rm', '--network', 'none', name, 'echo', tag])).toBe(`${tag}\n`)
      // Sent on as it came.
      await node.must(['tag', name, `${host}/ours/app:${tag}`])
      await node.must(['push', '-q', `${host}/ours/app:${tag}`])
      expect(await remote(`ours/app:${tag}`)).toBe(await remote(`their/app:${tag}`))
    }
    expect((await node.must(['tags', `docker://${host}/their/app`])).split('\n').filter(Boolean).toSorted()).toEqual([
      'buildah',
      'docker',
      'podman',
    ])
    // Ours.
    await node.must(['index', 'create', `${host}/ours/multi:v1`, 'store://busybox'])
    const list = `${host}/ours/list:v1`
    await node.must(['manifest', 'create', list, `${host}/ours/multi:v1`])
    await node.must(['manifest', 'push', '-p', list])
    for (const name of ['ours/multi:v1', 'ours/list:v1']) {
      const digest = await remote(name)
      expect(await docker('pull', `${host}/${name}`)).toContain(`Digest: ${digest}`)
      await tool('podman', 'pull', '-q', '--tls-verify=false', `${host}/${name}`)
      await tool('buildah', 'pull', '-q', '--tls-verify=false', `${host}/${name}`)
      expect(await docker('run', '--rm', '--network', 'none', `${host}/${name}`, 'echo', 'ok')).toBe('ok')
    }
  }, 120_000)

  test('layers of a docker-archive and a daemon go to registries compressed', async () => {
    for (const from of ['docker-daemon:box:v1', `docker-archive:${file('saved.tar')}`]) {
      await copy(from, at('compressed/app:v1'))
      const { layers } = JSON.parse(await world.node.must(['manifest', 'inspect', at('compressed/app:v1')]))
      expect(layers[0].mediaType).toEndWith('tar+gzip')
      await copy(at('compressed/app:v1'), 'compressed')
      expect(await idOf('compressed')).toBe(await idOf('busybox'))
    }
    expect(await world.node.must(['pull', 'docker-daemon:box:v1'])).toContain('for box:v1\n')
  }, 60_000)

  test('with flags that make no sense nothing is done', async () => {
    const refused = async (...args: string[]): Promise<string> => {
      const { code, stderr } = await run(world.node.argv(['copy', ...args]))
      expect([1, 125]).toContain(code)
      return stderr
    }
    expect(await refused('--jobs', '0', 'busybox', at('x'))).toContain('for --jobs')
    expect(await refused('--src-creds', 'a:b', at('x'), 'y')).toContain('cairn login')
    expect(await refused('-a', '--platform', 'linux/amd64', at('x'), 'y')).toContain('not both')
    expect(await refused('busybox', 'sftp://x/y')).toContain('no such transport')
  }, 60_000)
})
