import { describe, expect, test } from 'bun:test'
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildLab, gitServer, lacking, needsRoot, run, skipReason, type BuildLab, type LabOutcome } from '#testkit'

const isMissing = skipReason('git sources', needsRoot(), lacking('crun', 'git'))

const top = (outcome: LabOutcome | undefined): readonly string[] =>
  outcome?.layers.at(-1) ?? [String(outcome?.error?.message)]

async function add(lab: BuildLab, words: string, more: object = {}): Promise<LabOutcome> {
  const [outcome] = await lab.build({ context: lab.context({}), text: `FROM busybox\nADD ${words}`, ...more })
  return outcome!
}

describe.skipIf(isMissing)('needs root, crun and git: git sources', () => {
  test('branches, tags, commits, parts; only what changed is fetched again', async () => {
    await using lab = await buildLab()
    await using server = await gitServer()
    const first = await server.create('r', { a: '1', 'd/b': 'b', 'd/e/c': 'c' })
    const tagged = await server.commit('r', { a: '2' }, { tag: 'v1' })
    const other = await server.commit('r', { a: '3' }, { branch: 'other' })
    const url = `${server.url}/r.git`
    const context = lab.context({})
    const all = async (...words: string[]): Promise<readonly LabOutcome[]> =>
      await lab.build(...words.map((word) => ({ context, text: `FROM busybox\nADD ${word}` })))
    const file = (outcome: LabOutcome): string => top(outcome).find((line) => line.startsWith('r/a ')) ?? ''
    const [whole, part, times, ...parts] = await all(
      `${url} /r`,
      `${url}#:d /r/`,
      `${url}?mtime=commit /r`,
      ...[`${url}#other`, `${url}#v1`, `${url}?branch=other`, `${url}#${first}`].map((word) => `${word} /r`),
      `--checksum=${tagged.slice(0, 7)} ${url}?tag=v1 /r`,
      `${url}?ref=other&commit=${other} /r`,
    )
    expect(top(whole)).toEqual([
      'r directory 755 0:0 0',
      'r/a file 644 0:0 0 "2"',
      'r/d directory 755 0:0 0',
      'r/d/b file 644 0:0 0 "b"',
      'r/d/e directory 755 0:0 0',
      'r/d/e/c file 644 0:0 0 "c"',
    ])
    expect(top(part).map((line) => line.split(' ')[0])).toEqual(['r', 'r/b', 'r/e', 'r/e/c'])
    expect(top(times)).toContain('r/a file 644 0:0 1000000000 "2"')
    expect(parts.map(file).map((line) => line.at(-2))).toEqual(['3', '2', '3', '1', '2', '3'])
    const refused = [
      [`${url}#nope`, 'has no ref "nope"'],
      [`${url}#${first.slice(0, 8)}`, 'has no ref'],
      [`${url}?commit=${first}`, 'expected checksum to match'],
      [`--checksum=${first.slice(0, 6)} ${url}#other`, 'expected checksum to match'],
      [`${url}#${'0'.repeat(40)}`, 'has no commit'],
      [`${url}#:nope`, 'has no directory "nope"'],
      [`${url}#:a`, 'has no directory "a"'],
      [`${server.url}/nope.git`, 'cannot read'],
    ] as const
    for (const [i, { error }] of (await all(...refused.map(([words]) => `${words} /r`))).entries()) {
      expect(error?.message).toContain(refused[i]![1])
      expect(error?.location?.line).toBe(2)
    }
    const asked = server.requests.length
    expect((await all(`${url}#${first} /r`))[0]!.ran).toEqual([])
    expect(server.requests.length).toBe(asked)
    expect((await all(`${url}#other /r`))[0]!.ran).toEqual([])
    await server.commit('r', { a: '4' })
    expect(file((await all(`${url}#other /r`))[0]!)).toBe('r/a file 644 0:0 0 "4"')
    expect(lab.leftovers()).toEqual([])
  })

  test('a server that knows only files', async () => {
    await using lab = await buildLab()
    await using server = await gitServer({ dumb: true })
    const first = await server.create('r', { a: '1' })
    await server.commit('r', { a: '2' })
    const url = `${server.url}/r.git`
    expect(top(await add(lab, `${url}#main /r/`))).toContain('r/a file 644 0:0 0 "2"')
    expect(top(await add(lab, `${url}#${first} /r/`))).toContain('r/a file 644 0:0 0 "1"')
  })

  test('the repository is kept where that is asked for, and is the same each time', async () => {
    await using server = await gitServer()
    const commit = await server.create('r', { a: '1', 'd/b': 'x' })
    await server.git('r', 'tag', 'plain')
    await server.commit('r', {}, { tag: 'v1' })
    const roots = new Set<string>()
    for (const _ of [1, 2]) {
      await using lab = await buildLab()
      const text = `FROM busybox\nADD --keep-git-dir=true ${server.url}/r.git#v1 /r`
      const [outcome] = await lab.build({ context: lab.context({}), text })
      roots.add(outcome!.result!.root.digest)
      const names = top(outcome).map((line) => line.split(' ')[0]!)
      expect(names).toContain('r/.git/refs/tags/v1')
      expect(names.filter((name) => /logs|FETCH_HEAD|hooks|ORIG_HEAD/.test(name))).toEqual([])
      const plain = await add(lab, `--keep-git-dir ${server.url}/r.git#${commit} /r`)
      expect(top(plain).find((line) => line.startsWith('r/.git/HEAD '))).toContain(commit)
      const part = await add(lab, `--keep-git-dir ${server.url}/r.git#main:d /r`)
      expect(top(part).map((line) => line.split(' ')[0])).toEqual(['r', 'r/b'])
    }
    expect(roots.size).toBe(1)
  })

  test('logins come from secrets, and stay secret', async () => {
    await using lab = await buildLab()
    const authorization = `basic ${btoa('x-access-token:s3cr3t')}`
    await using server = await gitServer({ authorization })
    await server.create('r', { a: '1' })
    const file = join(lab.dir, 'token')
    writeFileSync(file, 's3cr3t\n')
    const url = `${server.url}/r.git`
    const { host } = new URL(url)
    expect((await add(lab, `${url} /r`)).error).toMatchObject({ hint: expect.stringContaining('GIT_AUTH_TOKEN') })
    for (const secrets of [{ GIT_AUTH_TOKEN: { file } }, { [`GIT_AUTH_TOKEN.${host}`]: { file } }]) {
      const outcome = await add(lab, `--keep-git-dir ${url} /r`, { secrets, noCache: true })
      expect(top(outcome)).toContain('r/a file 644 0:0 0 "1"')
      expect(JSON.stringify(outcome)).not.toContain('s3cr3t')
    }
    const found = await run(['grep', '-rlaE', `s3cr3t|${btoa('x-access-token:s3cr3t')}`, lab.dir])
    expect(found.stdout.trim()).toBe(file)
  })

  test('a context: the same image as from a clone, and a Dockerfile in a part of it', async () => {
    await using lab = await buildLab()
    await using server = await gitServer()
    await server.create('r', {
      Dockerfile: 'FROM busybox\nCOPY . /c\nRUN ls -a /c',
      f: 'x',
      'sub/my': 'FROM scratch\nCOPY f /',
    })
    await server.commit('r', { 'sub/f': 'y', '.dockerignore': 'f' }, { time: 1_234_567_890 })
    const clone = join(lab.dir, 'clone')
    expect((await run(['git', 'clone', '-q', `${server.url}/r.git`, clone])).code).toBe(0)
    chmodSync(join(clone, 'f'), 0o644)
    const context = `${server.url}/r.git`
    const [remote] = await lab.build({ context })
    expect(remote!.output).toContain('.dockerignore')
    expect(remote!.output).not.toContain('.git\n')
    expect(remote!.config!.created).toBe('2009-02-13T23:31:30Z')
    // Ignore files are the business of directories.
    const [local] = await lab.build({ context: clone, text: 'FROM busybox\nCOPY sub /c' })
    const [same] = await lab.build({ context: `${context}#main:sub`, text: 'FROM busybox\nCOPY . /c' })
    expect(top(same)).toEqual(top(local))
    const [again, part, missing, kept] = await lab.build(
      { context },
      { context: `${context}#main:sub`, dockerfile: 'my' },
      { context, dockerfile: 'nope' },
      { context, buildArgs: { BUILDKIT_CONTEXT_KEEP_GIT_DIR: '1' } },
    )
    expect(again!.ran).toEqual([])
    expect(top(part)).toEqual(['f file 644 0:0 0 "y"'])
    expect(missing!.error?.message).toBe('no nope in the build context')
    expect(kept!.output).toContain('.git\n')
    expect(lab.leftovers()).toEqual([])
  })

  test('over ssh, with nothing of the user’s configuration', async () => {
    await using lab = await buildLab()
    await using server = await gitServer()
    await server.create('r', { a: '1' })
    const bare = join(lab.dir, 'r.git')
    expect((await run(['git', 'clone', '-q', '--bare', `${server.url}/r.git`, bare])).code).toBe(0)
    const bin = join(lab.dir, 'bin')
    mkdirSync(bin)
    // Not over a network: it runs here what it would run there.
    const script = `#!/bin/sh\necho "$@" >> ${bin}/log\nfor last; do :; done\nexec sh -c "$last"\n`
    writeFileSync(join(bin, 'ssh'), script, { mode: 0o755 })
    const path = process.env['PATH']
    process.env['PATH'] = `${bin}:${path}`
    try {
      expect(top(await add(lab, `git@host.example:${bare} /r`))).toContain('r/a file 644 0:0 0 "1"')
      expect(top(await add(lab, `ssh://git@host.example:2222${bare}#main /s`))).toContain('s/a file 644 0:0 0 "1"')
    } finally {
      process.env['PATH'] = path
    }
    const log = readFileSync(join(bin, 'log'), 'utf8')
    expect(log).toContain('-F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=yes')
    expect(log).toContain('-p 2222 git@host.example git-upload-pack')
  })

  test('submodules, links and modes; nothing of the user’s configuration', async () => {
    await using lab = await buildLab()
    await using server = await gitServer()
    await server.create('inner', { i: 'inner' })
    await server.create('outer', { o: 'outer' })
    await server.git('outer', 'submodule', '--quiet', 'add', `${server.url}/inner.git`, 'sub')
    const outcome = await add(lab, `${server.url}/outer.git /r`)
    expect(top(outcome)).not.toContain('r/sub/i file 644 0:0 0 "inner"')
    await server.commit('outer', {})
    expect(top(await add(lab, `${server.url}/outer.git /r`)).map((line) => line.split(' ')[0])).toEqual([
      'r',
      'r/.gitmodules',
      'r/o',
      'r/sub',
      'r/sub/i',
    ])
    expect(top(await add(lab, `${server.url}/outer.git?submodules=false /r`)).join()).not.toContain('r/sub/i')
    expect(readdirSync(join(lab.dir, 'work'))).toEqual([])
  })
})
