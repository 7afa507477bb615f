import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fail, streamOf } from '#base'
import { openDirectoryStorage, serveRegistry } from '#registry/server'
import type { RunningRegistry } from '#registry/server'
import { blobOf, failure, must, patterned, sampleImage, skipReason, lacking, tempDir } from '#testkit'
import type { TempDir } from '#testkit'
import { hostCredentials } from '../auth/credentials.ts'
import { login } from '../auth/login.ts'
import { openRegistryClient } from '../client.ts'
import type { RegistryClient } from '../client.ts'
import { copyImage } from '../copy/copyimage.ts'
import type { RegistryHost } from '../types.ts'

describe('our registry with tokens and rights', () => {
  let registry: RunningRegistry
  let dir: TempDir
  beforeAll(async () => {
    dir = tempDir('cairn-registry-')
    const htpasswd = join(dir.path, 'htpasswd')
    const lines = ['ann', 'bob'].map(
      (user) => `${user}:${Bun.password.hashSync(`${user}-pw`, { algorithm: 'bcrypt', cost: 4 })}`,
    )
    writeFileSync(htpasswd, `${lines.join('\n')}\n`)
    registry = await serveRegistry({
      config: {
        port: 0,
        auth: {
          htpasswd,
          scheme: 'token',
          rules: [
            { repositories: ['**'], users: ['ann'], allow: ['pull', 'push', 'delete'] },
            { repositories: ['open/**'], users: ['bob'], allow: ['pull'] },
          ],
        },
      },
      storage: openDirectoryStorage({ root: join(dir.path, 'data') }),
    })
  })
  afterAll(async () => {
    await registry.stop(0)
    dir[Symbol.dispose]()
  })

  const client = (user?: string, password = `${user}-pw`): RegistryClient =>
    openRegistryClient({
      retry: { sleep: async () => undefined },
      ...(user ? { credentials: async () => ({ kind: 'basic', username: user, password }) as const } : {}),
    })
  const name = (path: string): string => `127.0.0.1:${registry.port}/${path}`

  test('one user pushes, mounts and deletes, another only pulls, nobody else anything', async () => {
    const ann = client('ann')
    const root = await sampleImage(ann.repository(name('open/app')), { compression: 'gzip' })
    const { mounted } = await copyImage(ann.repository(name('open/app')), ann.repository(name('shut/app')), root, {
      tags: ['v1'],
    })
    expect(mounted).toBe(3)
    const bob = client('bob')
    expect(await bob.repository(name('open/app')).has(root)).toBe(true)
    const denied = bob.repository(name('open/app')).tag(root, 'mine')
    const error = await denied.catch((e: Error & { code: string }) => e)
    expect(['unauthenticated', 'permission_denied']).toContain((error as { code: string }).code)
    await failure(client().repository(name('open/app')).resolve('v1'), 'unauthenticated')
    await failure(client('ann', 'wrong').repository(name('open/app')).resolve('v1'), 'unauthenticated')
    await ann.repository(name('shut/app')).delete('v1')
    await failure(ann.repository(name('shut/app')).resolve('v1'), 'not_found')
  })

  test('a login keeps a refresh token, which pushes and pulls until the password changes', async () => {
    const config = join(dir.path, 'docker', 'config.json')
    const host: RegistryHost = {
      env: { REGISTRY_AUTH_FILE: config },
      home: dir.path,
      readFile: async (path) => ((await Bun.file(path).exists()) ? Bun.file(path).text() : undefined),
      listDirectory: async () => [],
      replaceFile: async (path, text) => void (await Bun.write(path, text)),
      run: async () => fail('not_found', 'no helpers here'),
    }
    const domain = `127.0.0.1:${registry.port}`
    const endpoint = { host: domain, path: '', insecure: true }
    const password = { kind: 'basic', username: 'ann', password: 'ann-pw' } as const
    await login(host, endpoint, domain, password)
    const { auths } = JSON.parse(readFileSync(config, 'utf8'))
    expect([atob(auths[domain].auth), typeof auths[domain].identitytoken]).toEqual(['ann:', 'string'])
    const kept = openRegistryClient({ retry: { sleep: async () => undefined }, credentials: hostCredentials(host) })
    const root = await sampleImage(kept.repository(name('shut/kept')), { compression: 'gzip' })
    await kept.repository(name('shut/kept')).tag(root, 'v1')
    expect((await kept.repository(name('shut/kept')).resolve('v1')).digest).toBe(root.digest)
    const htpasswd = join(dir.path, 'htpasswd')
    const before = readFileSync(htpasswd, 'utf8')
    writeFileSync(htpasswd, before.replace(/^ann:.*\n/, ''))
    const later = openRegistryClient({ retry: { sleep: async () => undefined }, credentials: hostCredentials(host) })
    await failure(later.repository(name('shut/kept')).resolve('v1'), 'unauthenticated')
    writeFileSync(htpasswd, before)
  })

  test('an upload that the caller gives up leaves nothing', async () => {
    const stop = new AbortController()
    const bytes = patterned(3_000_000)
    const d = await blobOf(bytes)
    async function* half(): AsyncGenerator<Uint8Array, void, void> {
      yield bytes.subarray(0, 1_500_000)
      stop.abort()
      yield bytes.subarray(1_500_000)
    }
    const repository = client('ann').repository(name('open/given-up'))
    await failure(repository.put(d, half(), { signal: stop.signal }), 'canceled')
    expect(await repository.has(d)).toBe(false)
    await repository.put(d, streamOf(bytes))
    expect(await repository.has(d)).toBe(true)
  })

  test.skipIf(skipReason('skopeo with tokens', lacking('skopeo')))('skopeo sees what we pushed', async () => {
    const repository = client('ann').repository(name('open/shared'))
    const root = await sampleImage(repository, { compression: 'gzip' })
    await repository.tag(root, 'v1')
    const flags = ['--tls-verify=false', '--creds', 'bob:bob-pw', '--format', '{{.Digest}}']
    expect((await must(['skopeo', 'inspect', ...flags, `docker://${repository.name}:v1`])).trim()).toBe(root.digest)
  })
})
