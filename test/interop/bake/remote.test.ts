import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  cairnNode,
  gitServer,
  goTools,
  lacking,
  must,
  needsRoot,
  run,
  skipReason,
  type Ran,
  type TestNode,
} from '#testkit'
import { buildkitBinaries, startBuildkit, type BuildKit } from '../buildkit/buildkit.ts'

const NAME = 'definitions from elsewhere'
const skip = skipReason(NAME, needsRoot(), lacking('git', 'crun'))
const [buildx] = skip ? [] : ((await goTools('github.com/docker/buildx', 'v0.38.2', ['cmd/buildx'])) ?? [])
const binaries = buildx === undefined || lacking('runc') !== undefined ? undefined : await buildkitBinaries()

const FILES = {
  'docker-bake.hcl': `
    variable "TAG" { default = "v1" }
    group "default" { targets = ["app", "sub"] }
    target "app" {
      tags = ["app:\${TAG}"]
      contexts = { lib = "./lib", all = ".", image = "docker-image://scratch" }
    }
    target "sub" {
      context = "sub"
      contexts = { app = "target:app" }
      tags = ["sub:1"]
    }
    target "here" {
      context = "cwd://here"
      dockerfile = "cwd://here/Dockerfile"
      tags = ["here:1"]
    }
    target "command" {
      context = BAKE_CMD_CONTEXT
      dockerfile-inline = "FROM scratch\\nCOPY own /own"
      tags = ["command:1"]
    }
    target "dockerfile" {
      dockerfile = "cwd://here/Other"
      tags = ["dockerfile:1"]
    }
    target "mixed" { context = "cwd://here" }
    target "secret" {
      secret = ["id=s,src=../secret"]
      ssh = ["default"]
    }
    target "out" { output = ["type=local,dest=/outside"] }
    target "link" { contexts = { x = "cwd://link" } }`,
  'other/bake.json': '{"target": {"json": {"context": "sub", "tags": ["json:1"]}}}',
  'other/compose.yaml': 'include: [other/more.yaml]\nservices: {web: {build: sub, image: "web:1"}}',
  'other/more.yaml': 'services: {more: {build: ., image: "more:1"}}',
  Dockerfile: 'FROM scratch\nCOPY --from=lib f /lib\nCOPY --from=all root /all\nCOPY root /root',
  root: 'of the root\n',
  'lib/f': 'of lib\n',
  'sub/Dockerfile': 'FROM scratch\nCOPY f /f\nCOPY --from=app /lib /lib',
  'sub/f': 'of sub\n',
  'other/Dockerfile': 'FROM scratch\nCOPY Dockerfile /',
}

let dir: string
let work: string
let node: TestNode
let server: Awaited<ReturnType<typeof gitServer>>
let archives: ReturnType<typeof Bun.serve>
let peer: BuildKit | undefined
let url: string

beforeAll(async () => {
  if (skip) return
  dir = mkdtempSync('/var/tmp/cairn-remote-bake-')
  work = join(dir, 'work')
  mkdirSync(join(work, 'here'), { recursive: true })
  writeFileSync(join(work, 'own'), 'own\n')
  writeFileSync(join(work, 'here/Dockerfile'), 'FROM scratch\nCOPY f /here')
  writeFileSync(join(work, 'here/Other'), 'FROM scratch\nCOPY root /by-other')
  writeFileSync(join(work, 'here/f'), 'here\n')
  writeFileSync(join(work, 'local.hcl'), 'target "app" {\n  tags = ["local:1"]\n}')
  writeFileSync(join(dir, 'secret'), 'secret\n')
  symlinkSync('..', join(work, 'link'))
  server = await gitServer()
  await server.create('r', FILES)
  await server.commit('r', { 'other/sub/f': 'of the branch\n' }, { branch: 'other' })
  url = `${server.url}/r.git`
  const archive = join(dir, 'archive.tgz')
  const from = join(dir, 'from')
  for (const [name, text] of Object.entries({ ...FILES, 'docker-bake.hcl': 'target "default" { tags = ["tar:1"] }' })) {
    mkdirSync(join(from, name, '..'), { recursive: true })
    writeFileSync(join(from, name), text)
  }
  writeFileSync(join(from, 'Dockerfile'), 'FROM scratch\nCOPY root /root')
  await must(['tar', '-czf', archive, '-C', from, '.'])
  const lone = 'target "default" {\n  context = "here"\n  tags = ["lone:1"]\n}'
  archives = Bun.serve({
    port: 0,
    fetch: ({ url: asked }) =>
      new URL(asked).pathname === '/bake.hcl' ? new Response(lone) : new Response(readFileSync(archive)),
  })
  node = await cairnNode({ busybox: false })
  if (!binaries) return
  mkdirSync(join(dir, 'home'))
  peer = await startBuildkit(binaries, join(dir, 'buildkit'), { layout: '', manifests: new Map() })
  const socket = `unix://${join(dir, 'buildkit/buildkitd.sock')}`
  await must([buildx!, 'create', '--driver', 'remote', '--name', 'peer', '--use', socket], {
    env: { HOME: join(dir, 'home') },
  })
}, 120_000)

afterAll(async () => {
  if (skip) return
  await peer?.[Symbol.asyncDispose]()
  await node[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
  await archives.stop(true)
  rmSync(dir, { recursive: true, force: true })
})

const bake = async (...args: readonly string[]): Promise<Ran> =>
  await node.cairn(['bake', '--progress=plain', ...args], { cwd: work })
const at = (name: string): string => `http://127.0.0.1:${archives.port}/${name}`

describe.skipIf(skip)(NAME, () => {
  const files = async (name: string): Promise<string> => {
    const out = join(dir, 'out')
    rmSync(out, { recursive: true, force: true })
    mkdirSync(out)
    const container = (await node.must(['create', name, 'x'])).trim()
    await node.must(['export', '-o', join(out, 'x.tar'), container])
    await node.must(['rm', container])
    return (await must(['tar', '-tf', join(out, 'x.tar')]))
      .split('\n')
      .filter((path) => path !== '' && !path.endsWith('/'))
      .toSorted()
      .join(' ')
  }

  test('a repository: contexts are in it', async () => {
    const { code, stderr } = await bake(url, 'app', 'sub', '--set', 'app.tags+=more:1')
    expect(code, stderr).toBe(0)
    expect(await files('app:v1')).toContain('all lib root')
    expect(await files('sub:1')).toContain('f lib')
    expect((await bake(`${url}#other:other`, '-f', 'bake.json', 'json', '--print')).stdout).toContain(
      `${url}#other:other/sub`,
    )
  })

  test('cwd:// is the caller’s directory, for files, contexts and Dockerfiles', async () => {
    const { code, stderr } = await bake(
      url,
      'here',
      'command',
      'dockerfile',
      'app',
      '-f',
      'docker-bake.hcl',
      '-f',
      'cwd://local.hcl',
    )
    expect(code, stderr).toBe(0)
    expect(await files('here:1')).toContain('here')
    expect(await files('command:1')).toContain('own')
    expect(await files('dockerfile:1')).toContain('by-other')
    expect(await files('local:1')).toContain('all lib root')
    const mixed = await bake(url, 'mixed')
    expect(mixed.code).toBe(1)
    expect(mixed.stderr).toContain('name one of this machine: cwd://Dockerfile')
  })

  test('Compose files, and what they include', async () => {
    const { stdout } = await bake(url, '-f', 'other/compose.yaml', '--print')
    const { target } = JSON.parse(stdout)
    expect([target.web.context, target.more.context]).toEqual([`${url}#:sub`, `${url}#:other`])
  })

  test('the second URL is what BAKE_CMD_CONTEXT means', async () => {
    const { stdout } = await bake(url, `${url}#main`, 'command', '--print')
    expect(JSON.parse(stdout).target.command.context).toBe(`${url}#main`)
  })

  test('an archive, and a lone file', async () => {
    const tar = await bake(at('archive.tgz'), '-f', 'docker-bake.hcl')
    expect(tar.code, tar.stderr).toBe(0)
    expect(await files('tar:1')).toContain('root')
    const lone = await bake(at('bake.hcl'))
    expect(lone.code, lone.stderr).toBe(0)
    expect(await files('lone:1')).toContain('here')
    const inside = await bake(at('archive.tgz'), '-f', 'other/compose.yaml', 'web')
    expect(inside.code).toBe(1)
    expect(inside.stderr).toContain('sub: a directory inside the archive')
  })

  test('what is outside of the working directory has to be granted', async () => {
    const asksFor = async (target: string, ...args: readonly string[]): Promise<string> => {
      const { code, stderr } = await bake(url, target, ...args)
      expect(code).toBe(1)
      return stderr
    }
    const secret = join(dir, 'secret')
    expect(await asksFor('secret')).toContain(`--allow=ssh --allow=fs.read=${secret}`)
    expect(await asksFor('secret', '--allow', 'ssh')).toContain(`asks for fs.read=${secret}\n`)
    expect(await asksFor('secret', '--allow', 'ssh', '--allow', `fs.write=${dir}`)).toContain('asks for fs.read')
    for (const grant of [`fs.read=${dir}`, `fs=${secret}`, 'fs.read=*'])
      expect(await asksFor('secret', '--allow', 'ssh', '--allow', grant)).not.toContain('asks for')
    expect(await asksFor('out')).toContain('asks for fs.write=/outside')
    expect(await asksFor('link')).toContain(`asks for fs.read=${dir}`)
    expect(await asksFor('app', '--allow', 'fs.all=x')).toContain('there is no such entitlement')
  })

  test('a file that is not there', async () => {
    const { code, stderr } = await bake(url, '-f', 'nope.hcl')
    expect(code).toBe(1)
    expect(stderr).toContain('has no file nope.hcl')
  })
})

describe.skipIf(!binaries)('definitions from elsewhere as docker buildx reads them', () => {
  const cases: readonly (readonly [string, () => readonly string[]])[] = [
    ['the usual files', () => [url]],
    ['a target', () => [url, 'here', 'command', 'dockerfile']],
    ['a branch and a directory', () => [`${url}#other:other`, '-f', 'bake.json', 'json']],
    ['a file of a directory', () => [url, '-f', 'other/bake.json', 'json']],
    ['a second URL', () => [url, `${url}#main`, 'command']],
    ['one more file of the caller', () => [url, '-f', 'docker-bake.hcl', '-f', 'cwd://local.hcl', 'app']],
    ['a lone file', () => [at('bake.hcl')]],
  ]
  for (const [name, words] of cases)
    test(name, async () => {
      const theirs = await run([buildx!, 'bake', ...words(), '--print'], {
        cwd: work,
        env: { HOME: join(dir, 'home') },
      })
      const mine = await bake(...words(), '--print')
      expect([theirs.code, mine.code], theirs.stderr + mine.stderr).toEqual([0, 0])
      expect(JSON.parse(mine.stdout)).toEqual(JSON.parse(theirs.stdout))
    })
})
