import { Database } from 'bun:sqlite'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { chmodSync, cpSync, mkdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cairnNode, lacking, must, needsRoot, skipReason, tempDir, type TempDir, type TestNode } from '#testkit'

const skip = skipReason('unchanged builds', needsRoot(), lacking('crun', 'git'))

/** Put into what is remembered of a build: whoever says it has not looked at the Dockerfile. */
const MARK = 'told from memory'

const DOCKERFILE = `FROM base AS one
ARG COLOUR=red
RUN --mount=type=secret,id=token echo $COLOUR > /colour
FROM one
COPY src /src
RUN --mount=type=bind,source=more,target=/more cat /more/file > /more-file
`

let node: TestNode
let dir: TempDir
let context: string

beforeAll(async () => {
  if (skip) return
  node = await cairnNode()
}, 60_000)

afterAll(async () => {
  if (!skip) await node[Symbol.asyncDispose]()
})

beforeEach(async () => {
  if (skip) return
  dir?.[Symbol.dispose]()
  dir = tempDir()
  context = join(dir.path, 'context')
  for (const name of ['src', 'more']) mkdirSync(join(context, name), { recursive: true })
  writeFileSync(join(context, 'Dockerfile'), DOCKERFILE)
  writeFileSync(join(context, 'src/a'), 'one')
  writeFileSync(join(context, 'src/b'), 'two')
  writeFileSync(join(context, 'more/file'), 'more')
  writeFileSync(join(dir.path, 'token'), 'secret')
  await node.must(['tag', 'busybox', 'base'])
})

afterAll(() => dir?.[Symbol.dispose]())

interface Outcome {
  readonly id: string
  readonly fromMemory: boolean
  readonly text: string
}

async function build(...flags: readonly string[]): Promise<Outcome> {
  const id = join(dir.path, 'id')
  const args = ['build', '--progress', 'plain', '--network', 'none', '--iidfile', id, '-t', 'app', ...flags, context]
  const { code, stderr } = await node.cairn(args)
  expect([code, code === 0 ? '' : stderr]).toEqual([0, ''])
  return { id: await Bun.file(id).text(), fromMemory: stderr.includes(MARK), text: stderr }
}

function database<T>(work: (db: Database) => T): T {
  const db = new Database(join(node.root, 'cairn.db'))
  try {
    return work(db)
  } finally {
    db.close()
  }
}

/** Whatever is told from memory says so from now on. */
function mark(): void {
  database((db) => {
    const rows = db.query<{ place: string; build: string }, []>('SELECT place, build FROM remembered_build').all()
    expect(rows.length).toBeGreaterThan(0)
    for (const { place, build: text } of rows) {
      const made = JSON.parse(text) as { warnings: unknown[] }
      const warnings = [{ kind: 'warning', message: MARK }]
      db.query('UPDATE remembered_build SET build = ? WHERE place = ?').run(
        JSON.stringify({ ...made, warnings }),
        place,
      )
    }
  })
}

/** A build, and the proof that the same is told from memory. */
async function remembered(...flags: readonly string[]): Promise<Outcome> {
  const first = await build(...flags)
  mark()
  expect(await build(...flags)).toMatchObject({ id: first.id, fromMemory: true })
  return first
}

/** What a build says, without the numbers that time gives. */
function told(text: string): string {
  return text.replace(/\d+\.\ds/g, 'T')
}

describe.skipIf(skip)('a build of what was built before', () => {
  test('says and makes the same as one that looks for itself', async () => {
    writeFileSync(join(context, 'Dockerfile'), `${DOCKERFILE}WORKDIR relative\n`)
    await build()
    const memory = await build()
    database((db) => db.run('DELETE FROM remembered_build'))
    const looked = await build()
    expect(told(memory.text)).toBe(told(looked.text))
    expect(memory.id).toBe(looked.id)
    expect(memory.text).toContain('CACHED')
  })

  test('is named as it is asked to be, and keeps its image', async () => {
    const { id } = await remembered()
    expect(await build('-t', 'other')).toMatchObject({ id, fromMemory: true })
    expect(await node.must(['inspect', '--format', '{{.Id}}', 'other'])).toContain(id)
    await node.must(['rmi', 'app', 'other'])
    await node.must(['system', 'prune', '-f'])
    expect((await build()).id).toBe(id)
    expect(await node.must(['run', '--rm', '--network', 'none', 'app', 'cat', '/src/a'])).toBe('one')
  })

  test('sees a file of the same size and time', async () => {
    const path = join(context, 'src/a')
    utimesSync(path, 1000, 1000)
    const { id } = await remembered()
    writeFileSync(path, 'eno')
    utimesSync(path, 1000, 1000)
    expect(statSync(path)).toMatchObject({ size: 3, mtimeMs: 1_000_000 })
    const changed = await build()
    expect(changed.fromMemory).toBe(false)
    expect(changed.id).not.toBe(id)
    mark()
    const other = join(context, 'new')
    writeFileSync(other, 'one')
    utimesSync(other, 1000, 1000)
    renameSync(other, path)
    expect(await build()).toMatchObject({ id, fromMemory: false })
  })

  test('sees what a step mounts, modes, new files and files that are gone', async () => {
    const seen = new Set([(await remembered()).id])
    const changes = [
      () => writeFileSync(join(context, 'more/file'), 'less'),
      () => chmodSync(join(context, 'src/a'), 0o600),
      () => writeFileSync(join(context, 'src/c'), ''),
      () => rmSync(join(context, 'src/b')),
    ]
    for (const change of changes) {
      change()
      const { id, fromMemory } = await build()
      expect(fromMemory).toBe(false)
      expect(seen).not.toContain(id)
      seen.add(id)
      mark()
      expect(await build()).toMatchObject({ id, fromMemory: true })
    }
    rmSync(join(context, 'src'), { recursive: true })
    const { code, stderr } = await node.cairn(['build', '--network', 'none', context])
    expect(code).toBe(1)
    expect(stderr).toContain('src')
    expect(stderr).not.toContain(MARK)
  })

  test('sees the ignore file, and the Dockerfile of the same length', async () => {
    const { id } = await remembered()
    writeFileSync(join(context, '.dockerignore'), 'src/b\n')
    const ignored = await build()
    expect(ignored.fromMemory).toBe(false)
    expect(ignored.id).not.toBe(id)
    mark()
    writeFileSync(join(context, 'Dockerfile'), DOCKERFILE.replace('=red', '=tan'))
    const other = await build()
    expect(other.fromMemory).toBe(false)
    expect(other.id).not.toBe(ignored.id)
  })

  test('sees options, and a time that is asked for', async () => {
    const { id } = await remembered()
    for (const flags of [
      ['--build-arg', 'COLOUR=blue'],
      ['--label', 'a=b'],
      ['--target', 'one'],
      ['--build-arg', 'SOURCE_DATE_EPOCH=7'],
    ]) {
      const { fromMemory, id: other } = await build(...flags)
      expect([flags, fromMemory]).toEqual([flags, false])
      expect(other).not.toBe(id)
      mark()
      expect(await build(...flags)).toMatchObject({ id: other, fromMemory: true })
    }
    // One build is remembered of each place: the last.
    expect(await build()).toMatchObject({ id, fromMemory: false })
  })

  test('goes by what a base means now', async () => {
    const { id } = await remembered()
    writeFileSync(join(dir.path, 'Other'), 'FROM busybox\nRUN echo other > /other\n')
    await node.must(['build', '-q', '--network', 'none', '-f', join(dir.path, 'Other'), '-t', 'base', dir.path])
    const moved = await build()
    expect(moved.fromMemory).toBe(false)
    expect(moved.id).not.toBe(id)
    mark()
    await node.must(['tag', 'busybox', 'base'])
    expect(await build()).toMatchObject({ id, fromMemory: false })
    mark()
    await node.must(['rmi', 'base'])
    const { code, stderr } = await node.cairn(['build', '--network', 'none', context])
    expect(code).toBe(1)
    expect(stderr).not.toContain(MARK)
  })

  test("goes by the time of git's HEAD", async () => {
    const commit = (seconds: number): Promise<string> =>
      must(['git', '-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '-q', '--allow-empty', '-m', 'x'], {
        cwd: context,
        env: { GIT_COMMITTER_DATE: `${seconds} +0000` },
      })
    await must(['git', 'init', '-q'], { cwd: context })
    await commit(1_000_000_000)
    const { id } = await remembered()
    await commit(1_000_000_001)
    const later = await build()
    expect(later.fromMemory).toBe(false)
    expect(later.id).not.toBe(id)
  })

  test('does not know a secret', async () => {
    const flags = ['--secret', `id=token,src=${join(dir.path, 'token')}`]
    const { id } = await remembered(...flags)
    writeFileSync(join(dir.path, 'token'), 'other')
    expect(await build(...flags)).toMatchObject({ id, fromMemory: true })
    const rows = database((db) => db.query<{ build: string }, []>('SELECT build FROM remembered_build').all())
    expect(rows.map((row) => row.build).join('')).not.toContain('secret"')
  })

  test('looks for itself where it is told to', async () => {
    const { id } = await remembered()
    for (const flags of [
      ['--no-cache'],
      ['--no-cache-filter', 'one'],
      ['--why', 'all'],
      ['--pull'],
      ['--platform', 'linux/amd64,linux/arm64'],
      ['--provenance', 'true'],
      ['--output', `type=oci,dest=${join(dir.path, 'out.tar')}`],
      ['--build-context', `lib=${context}`],
    ]) {
      const { stderr } = await node.cairn(['build', '--progress', 'plain', '--network', 'none', ...flags, context])
      expect([flags, stderr.includes(MARK)]).toEqual([flags, false])
      expect((await build()).id).toBe(id)
      mark()
      expect((await build()).fromMemory).toBe(true)
    }
  })

  test('needs the record, every layer and every document', async () => {
    const { id } = await remembered()
    const { record, layers, blobs } = database(
      (db) =>
        JSON.parse(
          db.query<{ build: string }, []>('SELECT build FROM remembered_build ORDER BY made DESC').get()!.build,
        ) as { record: string; layers: string[]; blobs: { digest: string }[] },
    )
    const blob = (digest: string): string => {
      const hex = digest.slice('sha256:'.length)
      return join(node.root, 'content/sha256', hex.slice(0, 2), hex)
    }
    const losses = [
      () => database((db) => db.query('DELETE FROM cache_record WHERE key = ?').run(record)),
      ...layers.slice(1).map((layer) => () => rmSync(join(node.root, 'layers/sha256', `${layer.slice(7)}.erofs`))),
      ...blobs.map(
        ({ digest }) =>
          () =>
            rmSync(blob(digest)),
      ),
    ]
    expect(losses.length).toBeGreaterThan(4)
    for (const lose of losses) {
      lose()
      const { fromMemory, id: again } = await build()
      expect([fromMemory, again]).toEqual([false, id])
      expect(await node.must(['run', '--rm', '--network', 'none', 'app', 'cat', '/more-file'])).toBe('more')
      mark()
      expect((await build()).fromMemory).toBe(true)
    }
    await node.must(['builder', 'prune', '-af'])
    expect((await build()).fromMemory).toBe(false)
  })

  test('belongs to its place', async () => {
    const { id } = await remembered()
    const copy = join(dir.path, 'copy')
    cpSync(context, copy, { recursive: true })
    const { stderr } = await node.cairn(['build', '--progress', 'plain', '--network', 'none', '-t', 'copy', copy])
    expect(stderr).not.toContain(MARK)
    expect(await node.must(['inspect', '--format', '{{.Id}}', 'copy'])).toContain(id)
  })
})
