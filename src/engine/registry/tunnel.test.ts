import { expect, test } from 'bun:test'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { NO_CONFIG, copyImage, openRegistryClient } from '#registry/client'
import { openDirectoryStorage, serveRegistry } from '#registry/server'
import { failure, sampleImage, tempDir } from '#testkit'
import { machineConnect } from './connect.ts'
import { machineHost } from './host.ts'
import { openTunnel, sshCommand } from './tunnel.ts'

test('an image goes to a registry that is reached by standard input and output alone', async () => {
  using dir = tempDir()
  const registry = await serveRegistry({
    config: { port: 0 },
    storage: openDirectoryStorage({ root: join(dir.path, 'data') }),
  })
  try {
    const script = join(dir.path, 'stdio.ts')
    const bridge = join(import.meta.dir, 'tunnel.ts')
    writeFileSync(
      script,
      `import { bridgeStdio } from '${bridge}'\nawait bridgeStdio({ host: '127.0.0.1', port: ${registry.port} })\n`,
    )
    await using tunnel = await openTunnel([process.execPath, script])
    const there = openRegistryClient({
      config: { ...NO_CONFIG, plainHttp: ['far.invalid'] },
      connect: machineConnect(machineHost({ HOME: dir.path }), { socket: tunnel.socket }),
    }).repository('far.invalid/team/app')
    const near = openRegistryClient().repository(`127.0.0.1:${registry.port}/near/app`)
    const root = await sampleImage(near, { compression: 'gzip' })
    await copyImage(near, there, root, { tags: ['v1'] })
    expect((await there.resolve('v1')).digest).toBe(root.digest)
  } finally {
    await registry.stop(0)
  }
})

test('a command that fails is an unreachable registry; the tunnel leaves nothing', async () => {
  using dir = tempDir()
  let path: string
  {
    await using tunnel = await openTunnel(['/bin/false'])
    path = tunnel.socket
    const there = openRegistryClient({
      retry: { sleep: async () => undefined },
      config: { ...NO_CONFIG, plainHttp: ['far.invalid'] },
      connect: machineConnect(machineHost({ HOME: dir.path }), { socket: tunnel.socket }),
    }).repository('far.invalid/a')
    await failure(there.resolve('v1'), 'unavailable')
  }
  expect(existsSync(path)).toBe(false)
})

test('no option of ssh comes out of an address', () => {
  expect(sshCommand('ssh://ann@host.example:2222/team/app')).toEqual([
    'ssh',
    '-T',
    '-p',
    '2222',
    'ann@host.example',
    'cairn',
    'serve',
    '--stdio',
  ])
  expect(sshCommand('ssh://[::1]')).toEqual(['ssh', '-T', '::1', 'cairn', 'serve', '--stdio'])
  for (const bad of ['ssh://-oProxyCommand=x/', 'ssh://-x@host/', 'ssh://a b/', 'ssh://', 'http://x/', 'ssh://h;id/'])
    expect(() => sshCommand(bad)).toThrow('not an SSH address')
})
