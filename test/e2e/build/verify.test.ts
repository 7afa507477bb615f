import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cairnNode, needsRoot, skipReason, tempDir, type TestNode } from '#testkit'

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
