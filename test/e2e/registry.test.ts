import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, readdirSync, readFileSync, statSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  cairnNode,
  faultProxy,
  lacking,
  must,
  needsRoot,
  patterned,
  skipReason,
  startDockerRegistry,
  tempDir,
  type TempDir,
  type TestNode,
} from '#testkit'

const skip = skipReason('registries by command line', needsRoot(), lacking('crun', 'skopeo', 'docker-registry'))

interface Served {
  readonly host: string
  stop(): Promise<number>
}

let node: TestNode
let dir: TempDir
let open: Served
let guarded: Served

/** `cairn registry serve` on a free port. */
async function serve(...flags: string[]): Promise<Served> {
  const child = Bun.spawn(node.argv(['registry', 'serve', '--address', '127.0.0.1:0', ...flags]), {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const reader = child.stdout.getReader()
  const { value } = await reader.read()
  const host = /^Listening on http:\/\/(\S+)\n$/.exec(new TextDecoder().decode(value))?.[1] ?? ''
  const stop = (): Promise<number> => {
    child.kill('SIGTERM')
    return child.exited
  }
  return { host, stop }
}

beforeAll(async () => {
  if (skip) return
  dir = tempDir()
  node = await cairnNode({ env: { HOME: dir.path, DOCKER_CONFIG: join(dir.path, 'docker') } })
  const context = join(dir.path, 'context')
  mkdirSync(context)
  // Does not compress: several MiB go over the wire.
  const noise = crypto.getRandomValues(new Uint8Array(65_536))
  writeFileSync(join(context, 'big'), Buffer.concat([patterned(1000), ...Array.from({ length: 96 }, mix(noise))]))
  writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nCOPY big /big\nCMD ["echo", "from afar"]\n')
  await node.must(['build', '-q', '--network', 'none', '-t', 'app', context])
  const hash = await Bun.password.hash('wonder', { algorithm: 'bcrypt', cost: 4 })
  writeFileSync(join(dir.path, 'htpasswd'), `alice:${hash}\n`)
  open = await serve('--storage', join(dir.path, 'open'))
  guarded = await serve('--storage', join(dir.path, 'guarded'), '--htpasswd', join(dir.path, 'htpasswd'))
}, 60_000)

afterAll(async () => {
  if (skip) return
  expect(await open.stop()).toBe(0)
  await guarded.stop()
  await node[Symbol.asyncDispose]()
  dir[Symbol.dispose]()
})

/** Blocks that differ from one another. */
function mix(noise: Uint8Array): (_: unknown, i: number) => Uint8Array {
  return (_, i) => noise.map((byte) => (byte * (2 * i + 1) + i) & 0xff)
}

/** Pushes `app` under a name, and takes that name and every byte of it away again. */
async function pushAs(name: string): Promise<string> {
  await node.must(['tag', 'app', name])
  const pushed = await node.must(['push', name])
  const digest = /^\S+: digest: (sha256:[0-9a-f]{64}) size: \d+$/m.exec(pushed)?.[1]
  await node.must(['rmi', name])
  return digest!
}

/** Resolves when a file of the directory has that many bytes. */
async function grown(directory: string, bytes: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const look = (): void => {
    const sizes = readdirSync(directory).map((n) => statSync(join(directory, n), { throwIfNoEntry: false })?.size ?? 0)
    if (Math.max(0, ...sizes) >= bytes) resolve()
  }
  const watcher = watch(directory, look)
  look()
  await promise
  watcher.close()
}

const other = (): Promise<TestNode> => cairnNode({ busybox: false, env: { HOME: dir.path } })

describe.skipIf(skip)('registries', () => {
  test('push, pull elsewhere, run; the second time nothing is new', async () => {
    const name = `${open.host}/team/app:v1`
    const digest = await pushAs(name)
    await using fresh = await other()
    const pulled = await fresh.must(['pull', name])
    expect(pulled).toStartWith('v1: Pulling from team/app\n')
    expect(pulled).toEndWith(`Digest: ${digest}\nStatus: Downloaded newer image for ${name}\n${name}\n`)
    expect(await fresh.must(['run', '--rm', '--network', 'none', name])).toBe('from afar\n')
    expect(await fresh.must(['pull', name])).toContain(`Status: Image is up to date for ${name}\n`)
    expect(await fresh.must(['tags', `${open.host}/team/app`])).toBe('v1\n')
    // What was pulled goes out as it came.
    await fresh.must(['tag', name, `${open.host}/again/app:v2`])
    expect(await fresh.must(['push', `${open.host}/again/app:v2`])).toContain(`v2: digest: ${digest} `)
    // The same image pushed again has the same digest.
    expect(await pushAs(`${open.host}/team/app:v3`)).toBe(digest)
    expect(await fresh.must(['pull', '-q', '-a', `${open.host}/team/app`])).toBe(
      `${open.host}/team/app:v1\n${open.host}/team/app:v3\n`,
    )
    // Deleting a tag leaves the others; deleting a manifest takes them along.
    expect(await fresh.must(['delete', `${open.host}/team/app:v3`])).toBe(`${open.host}/team/app:v3\n`)
    expect(await fresh.must(['tags', `${open.host}/team/app`])).toBe('v1\n')
    await fresh.must(['delete', `docker://${open.host}/team/app@${digest}`])
    const gone = await fresh.cairn(['delete', name, `${open.host}/team/app`, 'oci:layout:v1'])
    expect([gone.code, gone.stdout]).toEqual([1, ''])
    expect(gone.stderr).toMatch(/404[^]*give a tag or digest[^]*oci:layout:v1 is in no registry/)
  }, 60_000)

  test('skopeo finds the digest that push told, and its copy is whole', async () => {
    const name = `${open.host}/skopeo/app:v1`
    const digest = await pushAs(name)
    const layout = join(dir.path, 'layout')
    const remote = `docker://${name}`
    const inspected = await must(['skopeo', 'inspect', '--tls-verify=false', '--format', '{{.Digest}}', remote])
    expect(inspected.trim()).toBe(digest)
    await must(['skopeo', 'copy', '--src-tls-verify=false', '--insecure-policy', remote, `oci:${layout}:v1`])
    expect(readFileSync(join(layout, 'index.json'), 'utf8')).toContain(digest)
    const raw = await node.must(['manifest', 'inspect', '--raw', name])
    expect(`sha256:${new Bun.CryptoHasher('sha256').update(raw).digest('hex')}`).toBe(digest)
  }, 60_000)

  test('a layer that is here by its diff ID moves nothing, and the image is whole all the same', async () => {
    const digest = await pushAs(`${open.host}/near/app:v1`)
    await using proxy = await faultProxy(open, () => undefined)
    const name = `${proxy.host}/near/app:v1`
    expect(await node.must(['pull', name])).toContain(`Digest: ${digest}\n`)
    // The config alone, at most.
    expect(proxy.requests.filter(({ path }) => path.includes('/blobs/')).length).toBeLessThan(2)
    const saved = join(dir.path, 'saved.tar')
    await node.must(['save', '-o', saved, name])
    await using fresh = await other()
    await fresh.must(['load', '-i', saved])
    expect(await fresh.must(['run', '--rm', '--network', 'none', name])).toBe('from afar\n')
    expect(await node.must(['push', name])).toContain(`digest: ${digest} `)
    await node.must(['rmi', name])
  }, 60_000)

  test("Debian's docker-registry takes and gives the same", async () => {
    await using peer = await startDockerRegistry()
    const name = `${peer.host}/team/app:v1`
    const digest = await pushAs(name)
    await using fresh = await other()
    expect(await fresh.must(['pull', name])).toContain(`Digest: ${digest}\n`)
    expect((await fresh.must(['system', 'check'])).trim()).toBe('Everything stored is what it should be.')
  }, 60_000)

  test('run and build pull what is missing, and say so', async () => {
    const name = `${open.host}/base/app:v1`
    await pushAs(name)
    await using fresh = await other()
    const never = await fresh.cairn(['run', '--pull', 'never', name])
    expect([never.code, never.stderr]).toEqual([125, expect.stringContaining('no such image')])
    const ran = await fresh.cairn(['run', '--rm', '--network', 'none', name])
    expect([ran.code, ran.stdout]).toEqual([0, 'from afar\n'])
    expect(ran.stderr).toStartWith(`Unable to find image '${name}' locally\n`)
    expect((await fresh.cairn(['run', '--rm', '--pull', 'always', '--network', 'none', name])).stderr).toContain(
      'Pulling from base/app',
    )
    await fresh.must(['rmi', name])
    const context = join(dir.path, 'child')
    mkdirSync(context)
    writeFileSync(join(context, 'Dockerfile'), `FROM ${name}\nLABEL a=b\n`)
    await fresh.must(['build', '-q', '--network', 'none', '-t', 'child', context])
    expect(await fresh.must(['run', '--rm', '--network', 'none', 'child'])).toBe('from afar\n')
  }, 60_000)

  test('a pull that was killed goes on where it was', async () => {
    const name = 'team/killed:v1'
    await pushAs(`${open.host}/${name}`)
    let killed = false
    await using fresh = await other()
    // Cuts the largest answers short; the command dies on the way.
    await using proxy = await faultProxy(open, ({ method, path, headers }) =>
      method === 'GET' && path.includes('/blobs/') && !killed && headers.range === undefined
        ? { kind: 'cutAnswer', after: 3_000_000 }
        : !killed && headers.range !== undefined
          ? ((killed = true), child.kill('SIGKILL'), { kind: 'hangUp' })
          : undefined,
    )
    const child = Bun.spawn(fresh.argv(['pull', `${proxy.host}/${name}`]), { stdout: 'ignore', stderr: 'ignore' })
    await child.exited
    expect(child.signalCode).toBe('SIGKILL')
    expect((await fresh.cairn(['inspect', `${proxy.host}/${name}`])).code).toBe(1)
    const before = proxy.requests.length
    await fresh.must(['pull', `${proxy.host}/${name}`])
    const later = proxy.requests.slice(before).filter(({ path }) => path.includes('/blobs/'))
    expect(later.some(({ headers }) => Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1]) > 1_000_000)).toBe(true)
    expect(await fresh.must(['run', '--rm', '--network', 'none', `${proxy.host}/${name}`])).toBe('from afar\n')
  }, 60_000)

  test('a pull that is interrupted says so, keeps what it fetched and goes on there', async () => {
    const name = 'team/interrupted:v1'
    await pushAs(`${open.host}/${name}`)
    let stalling = true
    await using fresh = await other()
    await using proxy = await faultProxy(open, ({ method, path }) =>
      stalling && method === 'GET' && path.includes('/blobs/') ? { kind: 'stall', after: 3_000_000 } : undefined,
    )
    const ingests = join(fresh.root, 'content/ingest')
    mkdirSync(ingests, { recursive: true, mode: 0o700 })
    const child = Bun.spawn(fresh.argv(['pull', `${proxy.host}/${name}`]), { stdout: 'ignore', stderr: 'pipe' })
    await grown(ingests, 2_000_000)
    child.kill('SIGINT')
    expect(await child.exited).toBe(130)
    expect(await new Response(child.stderr).text()).toContain('canceled')
    expect((await fresh.cairn(['inspect', `${proxy.host}/${name}`])).code).toBe(1)
    stalling = false
    const before = proxy.requests.length
    await fresh.must(['pull', `${proxy.host}/${name}`])
    const later = proxy.requests.slice(before).filter(({ path }) => path.includes('/blobs/'))
    expect(later.some(({ headers }) => Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1]) >= 2_000_000)).toBe(true)
    expect(await fresh.must(['run', '--rm', '--network', 'none', `${proxy.host}/${name}`])).toBe('from afar\n')
  }, 60_000)

  test('manifest lists, indexes and attached files on the command line', async () => {
    const at = (name: string): string => `${open.host}/${name}`
    await pushAs(at('cli/app:one'))
    await node.must(['copy', '-q', 'busybox', `docker://${at('cli/app:two')}`])
    const list = at('cli/list:v1')
    const say = async (...args: string[]): Promise<string> => (await node.must(args)).trim()
    expect(await say('manifest', 'create', list, at('cli/app:one'), at('cli/app:two'))).toBe(
      `Created manifest list ${list}`,
    )
    const again = await node.cairn(['manifest', 'create', list, at('cli/app:one')])
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('--amend')])
    await say('manifest', 'annotate', '--arch', 'arm64', '--variant', 'v8', list, at('cli/app:two'))
    expect(await say('manifest', 'inspect', list)).toContain('"variant": "v8"')
    const digest = (await say('manifest', 'push', '-p', list)).split('\n').at(-1)!
    expect(await say('manifest', 'inspect', '--raw', list)).toContain('"variant":"v8"')
    const verbose = JSON.parse(await say('manifest', 'inspect', '-v', list)) as { Ref: string; OCIManifest: object }[]
    expect(verbose.map(({ Ref, OCIManifest }) => [Ref.startsWith(at('cli/list@sha256:')), typeof OCIManifest])).toEqual(
      [
        [true, 'object'],
        [true, 'object'],
      ],
    )
    expect((await node.cairn(['manifest', 'rm', list])).stderr).toContain('no such manifest list')
    expect(await say('index', 'annotate', list, '--annotation', 'a=b')).not.toContain(digest)
    expect(await say('index', 'annotate', list, '--remove-annotation', 'a')).toContain(digest)
    await say('index', 'annotate', list, 'linux/arm64/v8', '--annotation', 'c=d')
    expect(await say('index', 'remove', list, 'linux/arm64/v8')).toMatch(/digest: sha256:/)
    expect(await say('index', 'add', '--dry-run', list, at('cli/app:one'))).not.toContain('arm64')
    for (const bad of [
      ['annotate', list],
      ['annotate', list, '--arch', 'x'],
      ['add', list],
      ['remove', list, 'linux/none'],
    ])
      expect([bad, (await node.cairn(['index', ...bad])).code]).toEqual([bad, 1])
    writeFileSync(join(dir.path, 'note.json'), '{}')
    const attached = await say(
      'attach',
      '--artifact-type',
      'a/b',
      '-a',
      'k=v',
      at('cli/app:one'),
      join(dir.path, 'note.json'),
    )
    const [, referrer] = /^Digest: (\S+)$/m.exec(attached) ?? []
    expect(await say('referrers', '-q', at('cli/app:one'))).toBe(referrer!)
    expect(await say('discover', '-v', at('cli/app:one'))).toContain(`a/b\n    └── ${referrer}\n          k: v`)
    expect((await node.cairn(['attach', '--artifact-type', 'none', at('cli/app:one'), 'x'])).code).toBe(1)
  }, 60_000)

  test('login opens what is guarded; a wrong password is refused and kept nowhere', async () => {
    const name = `${guarded.host}/team/app:v1`
    const wrong = ['login', '-u', 'alice', '--password-stdin', guarded.host]
    const refused = await node.cairn(wrong, { stdin: 'wrong\n' })
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('refuses this user or password')])
    await node.must(['tag', 'app', name])
    expect((await node.cairn(['push', name])).code).toBe(1)
    expect(await node.must(wrong, { stdin: 'wonder\n' })).toBe('Login Succeeded\n')
    await node.must(['push', '-q', name])
    expect(await node.must(['logout', guarded.host])).toContain('Removing login credentials')
    expect((await node.cairn(['pull', name])).code).toBe(1)
    expect(await node.must(['logout', guarded.host])).toContain('Not logged in')
  }, 60_000)

  test('what is nowhere is named', async () => {
    const missing = await node.cairn(['pull', `${open.host}/team/nothing:v1`])
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining('team/nothing')])
    const run = await node.cairn(['run', `${open.host}/team/nothing:v1`])
    expect([run.code, run.stderr]).toEqual([125, expect.stringContaining('cannot be pulled')])
    const unnamed = await node.cairn(['push', `${open.host}/team/nothing:v1`])
    expect(unnamed.stderr).toContain('does not exist locally with the tag')
  }, 60_000)

  test('the server is what the specification says', async () => {
    expect(await node.must(['registry', 'check', '-q', open.host])).toMatch(/\d+ passed, 0 failed/)
  }, 60_000)
})
