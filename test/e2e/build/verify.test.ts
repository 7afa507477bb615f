import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cairnNode, needsRoot, skipReason, tempDir, type TempDir, type TestNode } from '#testkit'

describe.skipIf(skipReason('build --verify', needsRoot()))('build --verify', () => {
  let node: TestNode
  beforeAll(async () => {
    node = await cairnNode()
  }, 60_000)
  afterAll(() => node[Symbol.asyncDispose]())

  const verify = async (dockerfile: string): ReturnType<TestNode['cairn']> => {
    using dir = tempDir()
    writeFileSync(join(dir.path, 'Dockerfile'), dockerfile)
    mkdirSync(join(dir.path, 'sub'), { mode: 0o700 })
    writeFileSync(join(dir.path, 'sub/file'), 'content', { mode: 0o600 })
    return await node.cairn(['build', '--verify', '-q', dir.path])
  }

  test('a build that is the same everywhere', async () => {
    const { code, stdout, stderr } = await verify(
      'FROM busybox\nCOPY . /ctx\nRUN mkdir /d && echo x > /d/f && umask > /u\n',
    )
    expect(stderr).toMatch(/^verified: two builds, one digest: sha256:/)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^sha256:/)
  })

  test('a step that leaks is named, with its cure', async () => {
    const random = 'cat /proc/sys/kernel/random/uuid'
    const { code, stderr } = await verify(`FROM busybox\nRUN echo same > /same\nRUN ${random} > /etc/machine-id\n`)
    expect(code).toBe(1)
    expect(stderr).toContain('two builds of one source differ')
    expect(stderr).toContain(`layer 3: RUN /bin/sh -c ${random}`)
    expect(stderr).toMatch(/\/etc\/machine-id: content: sha256:\w{12} \| sha256:\w{12}/)
    expect(stderr).toContain('hint: a machine ID is drawn at random')
    expect(stderr).not.toContain('/same')
  })

  test('what the second build made answers for no later one', async () => {
    const dockerfile = 'FROM busybox\nRUN cat /proc/sys/kernel/random/uuid > /id\n'
    const first = await verify(dockerfile)
    expect((await verify(dockerfile)).stdout).toBe(first.stdout)
  })
})

describe.skipIf(skipReason('verify-build', needsRoot()))('verify-build', () => {
  let node: TestNode
  let dir: TempDir
  beforeAll(async () => {
    node = await cairnNode()
    dir = tempDir()
    writeFileSync(join(dir.path, 'file'), 'content')
    const lines = ['FROM base:1', 'ARG WHO', 'RUN echo $WHO > /who', 'COPY file /', 'LABEL kept=yes']
    writeFileSync(join(dir.path, 'Dockerfile'), lines.join('\n'))
    await node.must(['tag', 'busybox', 'base:1'])
    await build('app:1', '--provenance=mode=max')
  }, 60_000)
  afterAll(async () => {
    await node[Symbol.asyncDispose]()
    dir[Symbol.dispose]()
  })

  const build = (name: string, ...args: readonly string[]): Promise<string> =>
    node.must(['build', '-q', '--build-arg', 'WHO=me', '--label', 'l=1', ...args, '-t', name, dir.path])
  const verify = (...args: readonly string[]): ReturnType<TestNode['cairn']> =>
    node.cairn(['verify-build', '-q', ...args])

  test('an image comes out again, arguments, labels and all, though its base has another name now', async () => {
    const base = (await node.must(['build', '-q', '-f', join(dir.path, 'Dockerfile'), dir.path])).trim()
    await node.must(['tag', base, 'base:1'])
    const { code, stderr } = await verify('app:1', dir.path)
    expect(stderr).toMatch(/^verified: two builds, one digest: sha256:/)
    expect(code).toBe(0)
  })

  test('wherever it is', async () => {
    await node.must(['copy', 'app:1', `oci:${join(dir.path, 'layout')}:v1`])
    writeFileSync(join(dir.path, '.dockerignore'), 'layout\n')
    expect((await verify(`oci:${join(dir.path, 'layout')}:v1`, dir.path)).stderr).toStartWith('verified:')
  })

  test('another source is found out', async () => {
    writeFileSync(join(dir.path, 'file'), 'changed')
    const { code, stderr } = await verify('app:1', dir.path)
    expect(code).toBe(1)
    expect(stderr).toContain('COPY file /')
    expect(stderr).toContain('/file: content')
    writeFileSync(join(dir.path, 'Dockerfile'), 'FROM base:1')
    expect((await verify('app:1', dir.path)).stderr).toContain('is not the Dockerfile that the image was built from')
  })

  test('what nobody recorded has to be given', async () => {
    expect((await verify('app:1')).stderr).toContain('hint: give its path')
    expect((await verify('busybox', dir.path)).stderr).toContain('nothing recorded how the image was built')
  })
})
