import { describe, expect, test } from 'bun:test'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  cairnNode,
  gitServer,
  lacking,
  must,
  needsRoot,
  setUp,
  skipReason,
  tempDir,
  type GitServer,
  type TempDir,
  type TestNode,
} from '#testkit'

const skip = skipReason('contexts of a build', needsRoot(), lacking('crun', 'git'))

let node: TestNode
let dir: TempDir
let server: GitServer
let context: string

setUp(skip, async (use) => {
  dir = use(tempDir())
  node = use(await cairnNode({ env: { HOME: dir.path } }))
  server = use(await gitServer())
  context = join(dir.path, 'context')
  mkdirSync(context)
  writeFileSync(join(context, 'f'), 'from the context')
  writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nCOPY f /f\nRUN cat /f\n')
})

async function build(args: readonly string[], stdin?: string | Uint8Array): Promise<string> {
  const { code, stderr } = await node.cairn(
    ['build', '--progress=plain', ...args],
    stdin === undefined ? {} : { stdin },
  )
  return `${code} ${stderr}`
}

describe.skipIf(skip)('needs root, crun and git: contexts on the command line', () => {
  test('standard input: a Dockerfile, an archive, one of the two', async () => {
    expect(await build(['-'], 'FROM busybox\nRUN echo no context\n')).toContain('no context')
    const archive = join(dir.path, 'context.tgz')
    await must(['tar', '-czf', archive, '-C', context, '.'])
    const bytes = readFileSync(archive)
    expect(await build(['-'], bytes)).toContain('from the context')
    expect(await build(['-f', 'nope', '-'], bytes)).toContain('no nope in the build context')
    expect(await build(['-f', '-', context], 'FROM busybox\nCOPY f /g\nRUN cat /g\n')).toContain('from the context')
    expect(await build(['-f', '-', '-'], 'x')).toStartWith("1 cairn: can't use stdin for both")
    expect(await build(['--verify', '-'], 'x')).toStartWith('1 cairn: --verify builds twice')
  })

  test('repositories, directories and images by name', async () => {
    await server.create('r', { Dockerfile: 'FROM busybox\nCOPY f /f\nRUN cat /f', f: 'from a repository' })
    const url = `${server.url}/r.git#main`
    expect(await build([url])).toContain('from a repository')
    const text = 'FROM base\nCOPY --from=other f /f\nRUN cat /f && true\n'
    const names = ['--build-context', 'base=docker-image://busybox', '--build-context']
    expect(await build([...names, `other=${url}`, '-'], text)).toContain('from a repository')
    expect(await build([...names, `other=${context}`, '-'], text)).toContain('from the context')
    expect(await build(['--build-context', 'other', context])).toStartWith('1 cairn: invalid context value: other')
    expect(await build(['--build-context', 'a=target:b', context])).toContain('only a bake file can name')
    expect(await build([`${server.url}/none.git`])).toContain(`cannot read ${server.url}/none.git`)
    expect(await build(['--check', url])).toStartWith('0 ')
  })

  test('a base by tag and digest', async () => {
    const found = JSON.parse(await node.must(['inspect', 'busybox'])) as {
      readonly RepoDigests?: string[]
      readonly Id: string
    }[]
    const digest = found[0]?.RepoDigests?.[0]?.split('@')[1]
    expect(digest).toBeDefined()
    expect(await build(['-'], `FROM busybox:latest@${digest}\nRUN echo pinned\n`)).toContain('pinned')
    expect(await build(['-'], `FROM busybox:other@${digest}\nRUN echo by its digest\n`)).toContain('by its digest')
    expect(await build(['-'], `FROM busybox@sha256:${'0'.repeat(64)}\n`)).toMatch(/^1/)
  })
})
