import { describe, expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cairnNode, lacking, needsRoot, setUp, skipReason, tempDir, type TempDir, type TestNode } from '#testkit'

const skip = skipReason('the build cache', needsRoot(), lacking('crun'))

let node: TestNode
let dir: TempDir

setUp(skip, async (use) => {
  dir = use(tempDir())
  node = use(await cairnNode())
})

async function build(at: TestNode, text: string, ...flags: readonly string[]): Promise<string> {
  const context = join(dir.path, 'context')
  mkdirSync(context, { recursive: true })
  writeFileSync(join(context, 'Dockerfile'), text)
  const { code, stderr } = await at.cairn(['build', '--progress', 'plain', '--network', 'none', ...flags, context])
  expect([code, code === 0 ? '' : stderr]).toEqual([0, ''])
  return stderr
}

const CACHED = `FROM busybox
RUN --mount=type=cache,target=/c,id=things echo kept >> /c/log && ln -s log /c/link && head -c 50000 /dev/zero > /c/data
RUN --mount=type=cache,target=/own,uid=5,mode=0700 touch /own/f`

interface Entry {
  readonly ID: string
  readonly Type: string
  readonly Description: string
  readonly Shared: string
}

async function entries(...flags: readonly string[]): Promise<Entry[]> {
  const lines = await node.must(['builder', 'du', '--json', ...flags])
  return lines
    .trim()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Entry)
}

describe.skipIf(skip)('the build cache', () => {
  test('du lists results and cache mounts; filters, formats, totals', async () => {
    await build(node, CACHED, '-t', 'named')
    await build(node, 'FROM busybox\nRUN head -c 90000 /dev/urandom > /big\nRUN echo unnamed > /f', '-t', 'gone')
    await node.must(['rmi', 'gone'])
    const all = await entries()
    expect(
      all
        .filter(({ Type }) => Type === 'exec.cachemount')
        .map(({ Description }) => Description)
        .toSorted(),
    ).toEqual(['cache mount /own', 'cache mount things'])
    const unnamed = all.find(({ Description }) => Description.includes('echo unnamed'))!
    expect(unnamed.Shared).toBe('false')
    expect((await entries('--filter', 'description=echo unnamed')).map(({ ID }) => ID)).toEqual([unnamed.ID])
    expect(await entries('--filter', 'until=1h')).toEqual([])
    const table = await node.must(['builder', 'du'])
    expect(table).toMatch(/^ID +RECLAIMABLE +SIZE +LAST ACCESSED\n/)
    expect(table).toMatch(/\nReclaimable:\t.*\nTotal:\t\t.*B\n$/)
    expect(await node.must(['buildx', 'du', '-v'])).toContain('RUN echo unnamed > /f')
    expect(await node.must(['system', 'df', '-v'])).toMatch(
      /\nBuild cache usage: .*\n\nCACHE ID [\s\S]* exec.cachemount /,
    )
    expect(await node.must(['system', 'df', '--format', '{{.Type}} {{.TotalCount}}'])).toContain(
      `Build Cache ${all.length}`,
    )
  })

  test('prune by filter, age, number and size; a rebuild runs what was forgotten', async () => {
    const text = 'FROM busybox\nRUN echo one > /f\nRUN head -c 90000 /dev/urandom > /g'
    await build(node, text)
    await node.must(['image', 'prune', '-f'])
    const before = (await entries()).length
    await node.must(['builder', 'prune', '-f', '--filter', 'until=1h'])
    await node.must(['builder', 'prune', '-f', '--keep-last', '100'])
    await node.must(['builder', 'prune', '-f', '--max-used-space', '1g'])
    expect(await entries()).toHaveLength(before)
    const said = await node.must(['builder', 'prune', '-f', '--filter', 'description=dev/urandom > /g', '--verbose'])
    expect(said).toContain('head -c 90000 /dev/urandom > /g')
    expect(said).toMatch(/\nTotal:\t.*kB\n$/)
    const again = await build(node, text)
    expect(again).toMatch(/CACHED/)
    expect(await entries('--filter', 'description=> /g')).toHaveLength(1)
    await node.must(['image', 'prune', '-f'])
    await node.must(['builder', 'prune', '-f', '--keep-storage', '1'])
    expect((await entries()).every(({ Shared }) => Shared === 'true')).toBe(true)
    await node.must(['builder', 'prune', '-af'])
    expect(await entries()).toEqual([])
    expect(readdirSync(join(node.root, 'cachemounts'))).toEqual([])
  }, 30_000)

  test('a cache mount is carried to another store, with its owner and links', async () => {
    await build(node, CACHED, '--no-cache')
    const ls = await node.must(['cache-mount', 'ls', '--format', '{{.ID}} {{.Owner}} {{.Mode}}'])
    expect(ls.trim().split('\n').toSorted()).toEqual(['/own 5:0 0700', 'things 0:0 0755'])
    await using other = await cairnNode()
    for (const [id, file] of [
      ['things', 'things.tar.zst'],
      ['/own', 'own.tgz'],
    ] as const) {
      await node.must(['cache-mount', 'export', id, join(dir.path, file)])
      await other.must(['cache-mount', 'import', id, join(dir.path, file)])
    }
    const listed = spawnSync('tar', ['-tzf', join(dir.path, 'own.tgz')], { encoding: 'utf8' })
    expect(listed.stdout).toContain('f')
    const read = `FROM busybox
RUN --mount=type=cache,target=/x,id=things cat /x/link; wc -c < /x/data
RUN --mount=type=cache,target=/own,uid=5,mode=0700 stat -c '%a %u' /own && ls /own`
    const said = await build(other, read)
    expect(said).toMatch(/ kept\n[\s\S]* 50000\n[\s\S]* 700 5\n[\s\S]* f\n/)
    // What somebody packed by hand is as good.
    const packed = join(dir.path, 'packed')
    mkdirSync(packed)
    writeFileSync(join(packed, 'g'), 'by hand\n')
    spawnSync('tar', ['-C', packed, '--owner=0', '--group=0', '-cf', join(dir.path, 'packed.tar'), '.'])
    await other.must(['cache-mount', 'import', 'hand', join(dir.path, 'packed.tar'), '--mode', '0755'])
    expect(await build(other, 'FROM busybox\nRUN --mount=type=cache,target=/h,id=hand cat /h/g')).toContain('by hand')
    expect((await other.cairn(['cache-mount', 'export', 'nope', '-'])).stderr).toContain('no cache mount "nope"')
    await other.must(['cache-mount', 'rm', 'hand'])
    expect(await other.must(['cache-mount', 'ls', '--format', '{{.ID}}'])).not.toContain('hand')
    expect(existsSync(join(other.root, 'work')) ? readdirSync(join(other.root, 'work')) : []).toEqual([])
  }, 30_000)
})
