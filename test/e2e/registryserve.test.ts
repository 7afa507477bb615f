import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cairnNode, lacking, must, needsRoot, skipReason, tempDir, type TempDir, type TestNode } from '#testkit'

const skip = skipReason('a registry of local images', needsRoot(), lacking('crun', 'skopeo'))

let node: TestNode
let dir: TempDir
let host: string
let served: Bun.Subprocess

const insecure = ['--src-tls-verify=false', '--dest-tls-verify=false']
const skopeo = (...args: string[]): Promise<string> => must(['skopeo', '--insecure-policy', ...args])
const remote = (name: string): string => `docker://${host}/${name}`
const status = async (path: string, init?: RequestInit): Promise<number> =>
  (await fetch(`http://${host}/v2/${path}`, init)).status
const listed = async (path: string): Promise<unknown> => (await fetch(`http://${host}/v2/${path}`)).json()

beforeAll(async () => {
  if (skip) return
  dir = tempDir()
  node = await cairnNode({ env: { HOME: dir.path } })
  const context = join(dir.path, 'context')
  mkdirSync(context)
  writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nRUN echo built here > /said\nCMD ["cat", "/said"]\n')
  await node.must(['build', '-q', '--network', 'none', '-t', 'team/app:v1', context])
  const child = Bun.spawn(node.argv(['registry', 'serve', '--store', 'local', '--address', '127.0.0.1:0']), {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  served = child
  const { value } = await child.stdout.getReader().read()
  host = /^Listening on http:\/\/(\S+)\n$/.exec(new TextDecoder().decode(value))?.[1] ?? ''
}, 60_000)

afterAll(async () => {
  if (skip) return
  served.kill()
  await served.exited
  await node[Symbol.asyncDispose]()
  dir[Symbol.dispose]()
})

describe.skipIf(skip)('serve --store local', () => {
  test('shows what was built here, compressed, under the digest that a push would have', async () => {
    expect(await listed('_catalog')).toEqual({ repositories: ['busybox', 'team/app'] })
    expect(await listed('team/app/tags/list')).toEqual({ name: 'team/app', tags: ['v1'] })
    await skopeo('copy', '-q', ...insecure, remote('team/app:v1'), `oci:${dir.path}/pulled:v1`)
    const { config, layers } = JSON.parse(await skopeo('inspect', '--raw', `oci:${dir.path}/pulled:v1`))
    expect(layers.map((l: { mediaType: string }) => l.mediaType)).toContain(
      'application/vnd.oci.image.layer.v1.tar+gzip',
    )
    // A repository shows its own images alone.
    expect(await status(`busybox/blobs/${config.digest}`)).toBe(404)
    expect(await status(`team/app/blobs/${config.digest}`)).toBe(200)
    const part = { headers: { range: 'bytes=2-5' } }
    expect((await (await fetch(`http://${host}/v2/team/app/blobs/${layers[0].digest}`, part)).bytes()).length).toBe(4)
  })

  test('what is pushed is an image here, until its name is taken away on either side', async () => {
    await skopeo('copy', '-q', ...insecure, remote('team/app:v1'), remote('given/app:v2'))
    expect(await node.must(['run', '--rm', '--network', 'none', 'given/app:v2'])).toBe('built here\n')
    const pushed = await skopeo('inspect', '--tls-verify=false', '--format', '{{.Digest}}', remote('given/app:v2'))
    const first = await skopeo('inspect', '--tls-verify=false', '--format', '{{.Digest}}', remote('team/app:v1'))
    expect(pushed).toBe(first)
    await node.must(['attach', '--artifact-type', 'a/note', '--annotation', 'a=b', 'store://given/app:v2'])
    const { manifests } = (await listed(`given/app/referrers/${pushed.trim()}`)) as { manifests: { digest: string }[] }
    expect(manifests).toMatchObject([{ artifactType: 'a/note', annotations: { a: 'b' } }])
    expect(await status(`given/app/manifests/${manifests[0]!.digest}`)).toBe(200)
    await node.must(['rmi', 'team/app:v1'])
    await node.must(['system', 'prune', '-f'])
    expect(await status('team/app/manifests/v1')).toBe(404)
    expect(await node.must(['run', '--rm', '--network', 'none', 'given/app:v2'])).toBe('built here\n')
    await skopeo('copy', '-q', ...insecure, remote('given/app:v2'), `oci:${dir.path}/again:v2`)
    await skopeo('delete', '--tls-verify=false', remote('given/app:v2'))
    expect(await node.must(['images', '-q', 'given/app'])).toBe('')
  })

  test('an artifact is kept by the registry alone, and gc of the node spares it', async () => {
    const bytes = '{"a":"config"}'
    const digest = `sha256:${new Bun.CryptoHasher('sha256').update(bytes).digest('hex')}`
    expect(await status(`notes/a/blobs/uploads/?digest=${digest}`, { method: 'POST', body: bytes })).toBe(201)
    const mediaType = 'application/vnd.oci.image.manifest.v1+json'
    const blob = { mediaType: 'application/vnd.example.note', digest, size: bytes.length }
    const manifest = JSON.stringify({ schemaVersion: 2, mediaType, config: blob, layers: [blob] })
    const put = { method: 'PUT', body: manifest, headers: { 'content-type': mediaType } }
    expect(await status('notes/a/manifests/v1', put)).toBe(201)
    await node.must(['system', 'prune', '-af'])
    expect(await (await fetch(`http://${host}/v2/notes/a/blobs/${digest}`)).text()).toBe(bytes)
    expect(await listed('notes/a/tags/list')).toEqual({ name: 'notes/a', tags: ['v1'] })
  })
})

describe.skipIf(skip)('registry', () => {
  test('check asks with the logins of this machine, and says what is wrong', async () => {
    const file = join(dir.path, 'checkers')
    await node.must(['registry', 'htpasswd', file, 'ann'], { stdin: 'wonder' })
    const flags = ['--address', '127.0.0.1:0', '--storage', join(dir.path, 'guarded'), '--htpasswd', file]
    const child = Bun.spawn(node.argv(['registry', 'serve', ...flags]), { stdin: 'ignore', stdout: 'pipe' })
    const { value } = await child.stdout.getReader().read()
    const guarded = /http:\/\/(\S+)/.exec(new TextDecoder().decode(value))?.[1] ?? ''
    try {
      const refused = await node.cairn(['registry', 'check', '-q', guarded])
      expect([refused.code, refused.stdout]).toEqual([1, expect.stringContaining('got 401')])
      await node.must(['login', guarded, '-u', 'ann', '--password-stdin'], { stdin: 'wonder' })
      const passed = await node.must(['registry', 'check', '-q', '--repository', 'checks/here', guarded])
      expect(passed).toMatch(/^\d+ passed, 0 failed, 0 skipped\n$/)
    } finally {
      child.kill()
      await child.exited
    }
  })

  test('gc takes what nobody needs, with no server there', async () => {
    const storage = ['--storage', join(dir.path, 'alone')]
    expect(await node.must(['registry', 'gc', ...storage])).toBe(
      'Removed 0 tags, 0 manifests, 0 unused blob links, 0 unfinished uploads\nFreed 0B in 0 blobs\n',
    )
    for (const flags of [
      ['--grace', 'x'],
      ['--store', 'far'],
      ['--store', 'local', ...storage],
    ])
      expect((await node.cairn(['registry', 'gc', ...flags])).code).toBe(1)
  })

  test('htpasswd adds, changes and removes users; the password never shows', async () => {
    const file = join(dir.path, 'users')
    const edit = (...args: string[]): Promise<string> =>
      node.must(['registry', 'htpasswd', ...args], { stdin: 'wonder\n' })
    expect(await edit(file, 'ann')).toBe('Added ann\n')
    expect(await edit(file, 'ben')).toBe('Added ben\n')
    expect(await edit(file, 'ann')).toBe('Changed ann\n')
    expect(await edit('--remove', file, 'ben')).toBe('Removed ben\n')
    const [line = '', ...rest] = readFileSync(file, 'utf8').trimEnd().split('\n')
    expect([line.slice(0, 4), rest, statSync(file).mode & 0o777]).toEqual(['ann:', [], 0o600])
    expect(await Bun.password.verify('wonder', line.slice(4))).toBe(true)
    for (const args of [[file, 'a:b'], ['--remove', file, 'ben'], [file]])
      expect((await node.cairn(['registry', 'htpasswd', ...args], { stdin: 'x' })).code).not.toBe(0)
    expect((await node.cairn(['registry', 'htpasswd', file, 'cay'], { stdin: '\n' })).stderr).toContain('empty')
  })
})
