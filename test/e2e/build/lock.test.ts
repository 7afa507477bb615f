import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cairnNode, needsRoot, skipReason, tempDir, type TempDir, type TestNode } from '#testkit'

describe.skipIf(skipReason('lock files', needsRoot()))('lock files', () => {
  let node: TestNode
  let dir: TempDir
  let body = 'first'
  /** A file that changes, and a registry that has no images. */
  const fetch = ({ url: asked }: Request): Response =>
    asked.includes('/v2/') ? new Response('', { status: 404 }) : new Response(body)
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch })
  const image = `127.0.0.1:${server.port}/base:1`
  const url = `http://127.0.0.1:${server.port}/file`

  beforeAll(async () => {
    node = await cairnNode()
    dir = tempDir()
    writeFileSync(join(dir.path, 'base'), 'FROM scratch\nCOPY base /\n')
    writeFileSync(join(dir.path, 'Dockerfile'), `FROM ${image}\nADD ${url} /file\n`)
    writeFileSync(join(dir.path, '.dockerignore'), 'cairn.lock\n')
    await base('one')
  }, 60_000)
  afterAll(async () => {
    await node[Symbol.asyncDispose]()
    dir[Symbol.dispose]()
    await server.stop(true)
  })

  /** Gives the base image's name to another image; the old one stays. */
  const base = async (label: string): Promise<void> => {
    const args = [
      'build',
      '-q',
      '-f',
      join(dir.path, 'base'),
      '--label',
      `l=${label}`,
      '-t',
      image,
      '-t',
      `kept:${label}`,
    ]
    await node.must([...args, dir.path])
  }
  const build = (...args: readonly string[]): ReturnType<TestNode['cairn']> =>
    node.cairn(['build', '-q', ...args, dir.path])
  const lock = (): { images: Record<string, Record<string, string>>; http: Record<string, string> } =>
    JSON.parse(readFileSync(join(dir.path, 'cairn.lock'), 'utf8'))

  test('what is not pinned is refused, and nothing is written', async () => {
    const { code, stderr } = await build('--locked')
    expect(code).toBe(1)
    expect(stderr).toContain('cairn.lock')
    expect(stderr).toContain('hint: make it: cairn build --lock')
    expect(existsSync(join(dir.path, 'cairn.lock'))).toBe(false)
  })

  test('a lock pins what is read, and the build stays what it is when names move', async () => {
    const first = await build('--lock')
    expect(first.stderr).toBe('')
    expect(Object.keys(lock().images)).toEqual([image])
    expect(Object.keys(lock().http)).toEqual([url])
    await base('two')
    const moved = await build()
    expect(moved.stdout).not.toBe(first.stdout)
    expect((await build('--locked')).stdout).toBe(first.stdout)
    expect((await build('--lock')).stdout).toBe(first.stdout)
  })

  test('what cannot be had as it was fails, and says so', async () => {
    body = 'second'
    const { code, stderr } = await build('--locked', '--no-cache')
    expect(code).toBe(1)
    expect(stderr).toContain(`${url} has digest sha256:`)
    expect(stderr).toContain('Dockerfile:2')
  })

  test('update shows what moved; --check changes nothing', async () => {
    const before = lock()
    const checked = await node.cairn(['lock', 'update', '--check', dir.path])
    expect(checked.code).toBe(1)
    expect(lock()).toEqual(before)
    const { stdout } = await node.cairn(['lock', 'update', dir.path])
    expect(stdout).toBe(checked.stdout)
    expect(stdout).toContain(`${url}\n  - ${before.http[url]}\n  + ${lock().http[url]}\n`)
    expect(stdout).toMatch(/base:1 \(linux\/\w+\)\n {2}- sha256:\w+\n {2}\+ sha256:\w+\n/)
    expect(await node.must(['lock', 'update', dir.path])).toBe('nothing changed\n')
    expect((await build('--locked')).code).toBe(0)
  })

  test('a file that is something else is not overwritten', async () => {
    writeFileSync(join(dir.path, 'cairn.lock'), '{"version": 9}')
    const { code, stderr } = await build('--lock')
    expect(code).toBe(1)
    expect(stderr).toContain('is no lock file of ours')
    expect(readFileSync(join(dir.path, 'cairn.lock'), 'utf8')).toBe('{"version": 9}')
  })
})
