import { describe, expect, test } from 'bun:test'
import { chmodSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  cairnNode,
  lackingSshd,
  needsRoot,
  setUp,
  skipReason,
  startSshd,
  tempDir,
  type Sshd,
  type TempDir,
  type TestNode,
} from '#testkit'

// Images go from host to host over SSH, without a registry: what is there is never sent.

const skip = skipReason('images over SSH', needsRoot())
const withoutSshd = skip || skipReason('images over a real SSH server', lackingSshd())

let dir: TempDir
let near: TestNode
let far: TestNode

/** A program that is called like ssh, and runs the far node's cairn without one. */
function bareClient(): string {
  const path = join(dir.path, 'bare-ssh')
  writeFileSync(path, `#!/bin/sh\nshift 3\n[ "$1" = serve ] || exit 126\nexec ${far.argv([]).join(' ')} "$@"\n`)
  chmodSync(path, 0o755)
  return path
}

setUp(skip, async (use) => {
  dir = use(tempDir())
  near = use(await cairnNode())
  far = use(await cairnNode({ busybox: false }))
  writeFileSync(join(dir.path, 'Dockerfile'), 'FROM busybox\nRUN echo from near > /told\nCMD ["cat", "/told"]\n')
  await near.must(['build', '-q', '--network', 'none', '-t', 'team/app:v1', dir.path])
})

/** Bytes of layers and blobs: what a transfer adds to. */
const idOf = async (node: TestNode, name: string): Promise<string> =>
  (await node.must(['inspect', '--format', '{{.Id}}', name])).trim()

describe.skipIf(skip)('host to host', () => {
  test.skipIf(withoutSshd)(
    'push and pull through a real SSH server',
    async () => {
      await using sshd: Sshd = await startSshd(far.argv([]).join(' '))
      const env = { CAIRN_SSH: sshd.client }
      const at = (name: string): string => `ssh://127.0.0.1:${sshd.port}/${name}`
      const pushed = await near.must(['push', at('team/app:v1')], { env })
      expect(pushed).toMatch(/^v1: digest: sha256:[0-9a-f]{64} size: \d+$/m)
      expect(await far.must(['run', '--rm', '--network', 'none', 'team/app:v1'])).toBe('from near\n')
      expect(await idOf(far, 'team/app:v1')).toBe(await idOf(near, 'team/app:v1'))
      expect((await far.must(['system', 'check'])).trim()).toBe('Everything stored is what it should be.')
      // Again, and under another name: nothing moves.
      const again = await near.must(['push', at('team/app:v1')], { env })
      expect(again).not.toContain('Pushed')
      await near.must(['copy', 'team/app:v1', at('docker.io/other/app:v2')], { env })
      await far.must(['tag', 'team/app:v1', 'back:v9'])
      const pulled = await near.must(['pull', at('back:v9')], { env })
      expect(pulled).toContain('Already exists')
      expect(pulled).toEndWith('docker.io/library/back:v9\n')
      expect(await idOf(near, 'back:v9')).toBe(await idOf(far, 'other/app:v2'))
      const missing = await near.cairn(['pull', at('none:v1')], { env })
      expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining('none')])
      expect(readdirSync(far.runDir).filter((name) => name.startsWith('stdio-'))).toEqual([])
    },
    60_000,
  )

  test('only what is missing travels; compressed layers of a pull and several images, too', async () => {
    const env = { CAIRN_SSH: bareClient() }
    const at = (name: string): string => `ssh://far/${name}`
    await near.must(['push', at('team/app:v1')], { env })
    writeFileSync(join(dir.path, 'Dockerfile'), 'FROM team/app:v1\nRUN echo more > /more\n')
    await near.must(['build', '-q', '--network', 'none', '-t', 'team/app:v2', dir.path])
    const pushed = await near.must(['push', at('team/app:v2')], { env })
    expect(pushed.match(/: Already exists$/gm)).toHaveLength(2)
    // The new layer and the config.
    expect(pushed.match(/: Pushed$/gm)).toHaveLength(2)
    expect(await far.must(['run', '--rm', '--network', 'none', 'team/app:v2', 'cat', '/more'])).toBe('more\n')
    await near.must(['copy', '-q', 'busybox', `oci-archive:${join(dir.path, 'box.tar')}`])
    await near.must([
      'index',
      'create',
      `oci:${join(dir.path, 'layout')}:v1`,
      `oci-archive:${join(dir.path, 'box.tar')}`,
    ])
    await near.must(['copy', `oci:${join(dir.path, 'layout')}:v1`, at('from/layout:v1')], { env })
    expect(await far.must(['run', '--rm', '--network', 'none', 'from/layout:v1', 'echo', 'ok'])).toBe('ok\n')
    await near.must(['pull', '-q', '-a', at('team/app')], { env })
    // What nobody named goes with the next prune, and the rest stays.
    await far.must(['system', 'prune', '-f'])
    expect(await far.must(['run', '--rm', '--network', 'none', 'team/app:v2', 'cat', '/told'])).toBe('from near\n')
  }, 60_000)

  test('every tag of a repository goes, and what refers to an image with it', async () => {
    const env = { CAIRN_SSH: bareClient() }
    await near.must(['tag', 'busybox', 'many:a'])
    await near.must(['tag', 'busybox', 'many:b'])
    await near.must(['attach', '--artifact-type', 'a/note', '--annotation', 'a=b', 'store://many:a'])
    await near.must(['push', '-q', '--all-tags', '--referrers', 'ssh://far/many'], { env })
    expect((await far.must(['images', 'many', '--format', '{{.Tag}}'])).trim().split('\n').toSorted()).toEqual([
      'a',
      'b',
    ])
    expect(await far.must(['discover', 'store://many:b'])).toContain('a/note')
    const { code, stderr } = await near.cairn(['push', '-a', 'ssh://far/none'], { env })
    expect([code, stderr]).toEqual([1, expect.stringContaining('does not exist locally')])
    expect((await near.cairn(['push', '-a', 'ssh://far/many:a'], { env })).code).toBe(1)
  }, 60_000)

  test('a far end that was killed leaves nothing that lasts', async () => {
    const child = Bun.spawn(far.argv(['serve', '--stdio']), { stdin: 'pipe', stdout: 'pipe', stderr: 'inherit' })
    await child.stdout.getReader().read()
    const directories = (): string[] => readdirSync(far.runDir).filter((name) => name.startsWith('stdio-'))
    expect(directories()).toHaveLength(1)
    child.kill('SIGKILL')
    await child.exited
    await near.must(['push', 'ssh://far/team/app:v1'], { env: { CAIRN_SSH: bareClient() } })
    expect(directories()).toEqual([])
  }, 60_000)

  test('where nobody answers, one line says so', async () => {
    const cases: readonly [string, string][] = [
      ['/bin/false', 'is cairn installed over there'],
      ['/no/such/ssh', 'no connection'],
    ]
    for (const [client, said] of cases) {
      const { code, stderr } = await near.cairn(['push', 'ssh://far/team/app:v1'], { env: { CAIRN_SSH: client } })
      expect([client, code, stderr]).toEqual([client, 1, expect.stringContaining(said)])
    }
    for (const bad of ['ssh://far', 'ssh://far/UPPER', 'ssh://-o/x', 'ssh://far/localhost:5000/x:v1'])
      expect([bad, (await near.cairn(['pull', bad])).code]).toEqual([bad, 1])
    expect((await near.cairn(['serve'])).stderr).toContain('--stdio')
  }, 60_000)
})
