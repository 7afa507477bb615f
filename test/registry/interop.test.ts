import { describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { utf8 } from '#base'
import { openLayout, readDocument } from '#content'
import {
  busyboxRootfs,
  containersStorage,
  lacking,
  must,
  needsRoot,
  run,
  sampleIndex,
  setUp,
  skipReason,
  startDockerd,
  tempDir,
  type ContainersStorage,
  type Dockerd,
  type TempDir,
} from '#testkit'
import { startRegistry, type TestRegistry } from './server.ts'

// Other clients push to and pull from our server, logged in by tokens; digests are equal at every step.

const skip = skipReason('other clients at our registry', needsRoot(), lacking('dockerd', 'podman', 'skopeo', 'buildah'))

interface World {
  readonly dir: TempDir
  readonly docker: Dockerd
  readonly storage: ContainersStorage
  readonly registry: TestRegistry
}

let world: World

const LOGIN = ['--username', 'alice', '--password-stdin']
const authfile = (): string => join(world.dir.path, 'auth.json')
const insecure = '--tls-verify=false'

async function tool(name: 'podman' | 'buildah' | 'skopeo', ...args: string[]): Promise<string> {
  const env = { ...world.storage.env, REGISTRY_AUTH_FILE: authfile() }
  return (await must(world.storage.command(name, args), { env })).trim()
}

async function remoteDigest(name: string): Promise<string> {
  return tool('skopeo', 'inspect', insecure, '--format', '{{.Digest}}', `docker://${world.registry.host}/${name}`)
}

setUp(skip, async (use) => {
  const dir = use(tempDir('cairn-registry-'))
  const hash = await Bun.password.hash('wonder', { algorithm: 'bcrypt', cost: 4 })
  writeFileSync(join(dir.path, 'htpasswd'), `alice:${hash}\n`)
  const registry = use(await startRegistry({ auth: { scheme: 'token', htpasswd: join(dir.path, 'htpasswd') } }))
  world = { dir, registry, docker: use(await startDockerd()), storage: use(containersStorage()) }
  await must([world.docker.client, 'import', await busyboxRootfs(), 'busybox'], { env: world.docker.env })
  const stdin = 'wonder'
  await must([world.docker.client, 'login', ...LOGIN, registry.host], { env: world.docker.env, stdin })
  const login = world.storage.command('podman', ['login', insecure, ...LOGIN, registry.host])
  await must(login, { env: { ...world.storage.env, REGISTRY_AUTH_FILE: authfile() }, stdin })
})

describe.skipIf(skip)('other clients', () => {
  test('a docker that logged in keeps a refresh token, not the password; others read it there', async () => {
    const { docker, registry, dir } = world
    const config = await Bun.file(join(docker.env.DOCKER_CONFIG!, 'config.json')).json()
    const entry = config.auths[registry.host]
    expect(entry.identitytoken).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/)
    expect(atob(entry.auth)).toBe('alice:')
    const name = `${registry.host}/team/busybox:refreshed`
    await must([docker.client, 'tag', 'busybox', name], { env: docker.env })
    const pushed = await must([docker.client, 'push', name], { env: docker.env })
    const digest = /digest: (sha256:[0-9a-f]{64})/.exec(pushed)![1]!
    const copied = join(dir.path, 'auth-of-docker.json')
    await Bun.write(copied, JSON.stringify({ auths: { [registry.host]: { ...entry, auth: btoa('alice:') } } }))
    const env = { ...world.storage.env, REGISTRY_AUTH_FILE: copied }
    const inspect = world.storage.command('skopeo', [
      'inspect',
      insecure,
      '--format',
      '{{.Digest}}',
      `docker://${name}`,
    ])
    expect((await must(inspect, { env })).trim()).toBe(digest)
    const pull = world.storage.command('podman', ['pull', '-q', insecure, name])
    await must(pull, { env })
  }, 120_000)

  test('docker pushes; docker, podman, buildah and skopeo pull the same digest', async () => {
    const name = `${world.registry.host}/team/busybox:docker`
    const docker = (...args: string[]): Promise<string> =>
      must([world.docker.client, ...args], { env: world.docker.env })
    await docker('tag', 'busybox', name)
    const pushed = await docker('push', name)
    const digest = /digest: (sha256:[0-9a-f]{64})/.exec(pushed)?.[1]
    expect(digest).toBeDefined()
    expect(await remoteDigest('team/busybox:docker')).toBe(digest!)
    await docker('rmi', name)
    expect(await docker('pull', name)).toContain(`Digest: ${digest}`)
    await tool('podman', 'pull', '-q', insecure, name)
    expect(await tool('podman', 'image', 'inspect', '--format', '{{.Digest}}', name)).toBe(digest!)
    await tool('buildah', 'pull', '-q', insecure, name)
    await tool('skopeo', 'copy', '-q', '--src-tls-verify=false', `docker://${name}`, `oci:${world.dir.path}/copied:x`)
  }, 120_000)

  test('podman and buildah push what docker then pulls', async () => {
    await tool('podman', 'import', '-q', await busyboxRootfs(), 'busybox')
    for (const pusher of ['podman', 'buildah'] as const) {
      const name = `${world.registry.host}/team/busybox:${pusher}`
      const file = join(world.dir.path, `${pusher}.digest`)
      const image = pusher === 'podman' ? 'busybox' : 'localhost/busybox'
      await tool(pusher, 'push', '-q', insecure, '--digestfile', file, image, `docker://${name}`)
      const digest = await Bun.file(file).text()
      expect(await remoteDigest(`team/busybox:${pusher}`)).toBe(digest.trim())
      const pulled = await must([world.docker.client, 'pull', name], { env: world.docker.env })
      expect(pulled).toContain(`Digest: ${digest.trim()}`)
    }
  }, 120_000)

  test('skopeo copies an index of two platforms there, from repository to repository, and back', async () => {
    const path = join(world.dir.path, 'layout')
    const layout = openLayout(path, { create: true })
    const { index } = await sampleIndex(layout, 'multi')
    const flags = ['copy', '-q', '--all', '--preserve-digests', '--src-tls-verify=false', '--dest-tls-verify=false']
    const at = (name: string): string => `docker://${world.registry.host}/${name}`
    await tool('skopeo', ...flags, `oci:${path}:multi`, at('deep/er/multi:v1'))
    await tool('skopeo', ...flags, at('deep/er/multi:v1'), at('other/multi:v1'))
    await tool('skopeo', ...flags, at('other/multi:v1'), `oci:${world.dir.path}/back:multi`)
    const raw = await tool('skopeo', 'inspect', insecure, '--raw', at('other/multi:v1'))
    expect(utf8(raw)).toEqual(await readDocument(layout, index))
    const back = openLayout(join(world.dir.path, 'back'))
    expect((await back.resolve('multi')).digest).toBe(index.digest)
    const tags = JSON.parse(await tool('skopeo', 'list-tags', insecure, at('deep/er/multi')))
    expect(tags.Tags).toEqual(['v1'])
    await tool('skopeo', 'delete', insecure, at('other/multi:v1'))
    const env = { ...world.storage.env, REGISTRY_AUTH_FILE: authfile() }
    const gone = await run(world.storage.command('skopeo', ['inspect', insecure, at('other/multi:v1')]), { env })
    expect(gone.code).not.toBe(0)
  }, 120_000)

  test('nobody gets in without logging in', async () => {
    const { code, stderr } = await run(
      world.storage.command('skopeo', ['inspect', insecure, `docker://${world.registry.host}/team/busybox:docker`]),
      { env: { ...world.storage.env, REGISTRY_AUTH_FILE: '/nonexistent', HOME: world.dir.path } },
    )
    expect(code).not.toBe(0)
    expect(stderr).toMatch(/authentication required|unauthorized/)
  })

  test('what everybody may pull is pulled without logging in', async () => {
    const rules = [
      { repositories: ['public/**'], users: ['anonymous'], allow: ['pull' as const] },
      { repositories: ['**'], users: ['alice'], allow: ['pull' as const, 'push' as const] },
    ]
    for (const scheme of ['basic', 'token'] as const) {
      const htpasswd = join(world.dir.path, 'htpasswd')
      await using registry = await startRegistry({ auth: { scheme, htpasswd, rules } })
      const at = (name: string): string => `docker://${registry.host}/${name}`
      await tool('podman', 'import', '-q', await busyboxRootfs(), 'busybox')
      const alice = ['--dest-creds', 'alice:wonder', '--dest-tls-verify=false']
      for (const name of ['public/app', 'private/app'])
        await tool('skopeo', 'copy', '-q', ...alice, 'containers-storage:localhost/busybox:latest', at(name))
      const pull = (name: string): Promise<{ code: number; stderr: string }> =>
        run(world.storage.command('skopeo', ['inspect', insecure, at(name)]), {
          env: { ...world.storage.env, REGISTRY_AUTH_FILE: '/nonexistent', HOME: world.dir.path },
        })
      expect([scheme, await pull('public/app')]).toMatchObject([scheme, { code: 0 }])
      expect((await pull('private/app')).code).not.toBe(0)
      // Docker, when the base asks for a password that it has not, gives up: it needs tokens.
      if (scheme === 'basic') continue
      const docker = (name: string): Promise<{ code: number }> =>
        run([world.docker.client, 'pull', `${registry.host}/${name}`], { env: world.docker.env })
      expect([scheme, (await docker('public/app')).code]).toEqual([scheme, 0])
      expect((await docker('private/app')).code).not.toBe(0)
    }
  }, 120_000)
})
