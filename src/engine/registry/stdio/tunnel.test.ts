import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { copyImage, NO_CONFIG, openRegistryClient, type Repository } from '#registry/client'
import { openDirectoryStorage, serveRegistry, type RunningRegistry } from '#registry/server'
import { failure, fileEntry, sampleImage, tempDir, type TempDir } from '#testkit'
import { machineConnect } from '../connect.ts'
import { machineHost } from '../host.ts'
import { openTunnel, sshCommand, type Tunnel } from './tunnel.ts'

let dir: TempDir
let registry: RunningRegistry

beforeAll(async () => {
  dir = tempDir()
  const storage = openDirectoryStorage({ root: join(dir.path, 'data') })
  registry = await serveRegistry({ config: { port: 0 }, storage })
})

afterAll(async () => {
  await registry.stop(0)
  dir[Symbol.dispose]()
})

/** The far end: a process that joins its standard input and output to the registry. */
function farEnd(before = ''): readonly string[] {
  const script = join(dir.path, `stdio-${crypto.randomUUID()}.ts`)
  const target = `{ host: '127.0.0.1', port: ${registry.port} }`
  writeFileSync(
    script,
    `import { bridge } from '${join(import.meta.dir, 'tunnel.ts')}'
${before}
await bridge(process.stdin, process.stdout, ${target})
`,
  )
  return [process.execPath, script]
}

function through(tunnel: Tunnel, name: string): Repository {
  return openRegistryClient({
    retry: { sleep: async () => undefined },
    config: { ...NO_CONFIG, plainHttp: ['far.invalid'] },
    connect: machineConnect(machineHost({ HOME: dir.path }), { socket: tunnel.socket }),
  }).repository(`far.invalid/${name}`)
}

describe('a tunnel', () => {
  test('carries many connections at once, larger than their windows, over one command', async () => {
    await using tunnel = await openTunnel(farEnd(`process.stdout.write('Welcome!\\nLast login: today\\n')`))
    const near = openRegistryClient().repository(`127.0.0.1:${registry.port}/near/app`)
    const noise = Array.from({ length: 4 }, (_, i) => [fileEntry(`file${i}`, `${i}`.repeat(5_000_000))])
    const root = await sampleImage(near, { layers: noise })
    await copyImage(near, through(tunnel, 'team/app'), root, { tags: ['v1'], concurrency: 8 })
    const back = openRegistryClient().repository(`127.0.0.1:${registry.port}/back/app`)
    await copyImage(through(tunnel, 'team/app'), back, root, { tags: ['v1'], concurrency: 8 })
    expect((await back.resolve('v1')).digest).toBe(root.digest)
  }, 60_000)

  test('has no connection that holds up the others', async () => {
    await using tunnel = await openTunnel(farEnd())
    const there = through(tunnel, 'slow/app')
    const root = await sampleImage(there, { layers: [[fileEntry('file', 'x'.repeat(8_000_000))]] })
    const { bytes } = await there.document(root.digest)
    const [layer] = JSON.parse(new TextDecoder().decode(bytes)).layers
    // Nobody reads on: its window fills, and the rest goes on.
    const stalled = (await there.open(layer))[Symbol.asyncIterator]()
    await stalled.next()
    for (let i = 0; i < 20; i++) expect(await through(tunnel, 'slow/app').has(root)).toBe(true)
    let size = 0
    for await (const chunk of await there.open(layer)) size += chunk.length
    expect(size).toBe(layer.size)
    await stalled.return?.()
  }, 60_000)

  test('goes on where it was when the command ends in the middle', async () => {
    const mark = join(dir.path, 'broken')
    // The first one dies of the fourth megabyte.
    const dying = `
import { existsSync, writeFileSync } from 'node:fs'
let bytes = 0
if (!existsSync('${mark}'))
  process.stdin.on('data', (data) => {
    bytes += data.length
    if (bytes > 4_000_000) writeFileSync('${mark}', ''), process.exit(7)
  })`
    await using tunnel = await openTunnel(farEnd(dying))
    const near = openRegistryClient().repository(`127.0.0.1:${registry.port}/whole/app`)
    const root = await sampleImage(near, { layers: [[fileEntry('file', 'y'.repeat(9_000_000))]] })
    const there = through(tunnel, 'broken/app')
    await copyImage(near, there, root, { tags: ['v1'] })
    expect(existsSync(mark)).toBe(true)
    expect((await there.resolve('v1')).digest).toBe(root.digest)
  }, 30_000)

  test('to a command that does not serve is refused at once, and leaves nothing', async () => {
    for (const command of [['/bin/false'], ['/bin/echo', 'no such command'], ['/no/such/program']])
      await failure(openTunnel(command), 'unavailable')
  })

  test('that breaks is an unreachable registry', async () => {
    let path: string
    {
      await using tunnel = await openTunnel(farEnd(`process.stdin.on('data', () => process.exit(3))`))
      path = tunnel.socket
      await failure(through(tunnel, 'a').resolve('v1'), 'unavailable')
    }
    expect(existsSync(path)).toBe(false)
  }, 30_000)

  test('to an end that speaks nonsense is given up', async () => {
    const nonsense = `process.stdout.write('cairn-stdio 1\\n' + 'x'.repeat(100)); setInterval(() => undefined, 1000)`
    const script = join(dir.path, 'nonsense.ts')
    writeFileSync(script, nonsense)
    await using tunnel = await openTunnel([process.execPath, script])
    await failure(through(tunnel, 'a').resolve('v1'), 'unavailable')
  }, 30_000)
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
