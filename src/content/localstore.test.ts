import { describe, expect, test } from 'bun:test'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { collect, streamOf, utf8 } from '#base'
import { blobOf, contentStoreSuite, failure, lacking, needsRoot, patterned, run, skipReason, tempDir } from '#testkit'
import { openDatabase } from './database.ts'
import { openLocalStore } from './localstore.ts'
import type { LocalStore } from './localstore.ts'

interface Home extends Disposable {
  readonly root: string
  readonly content: LocalStore
}

function home(): Home & AsyncDisposable {
  const dir = tempDir()
  const db = openDatabase(join(dir.path, 'cairn.db'))
  const close = (): void => {
    db.close()
    dir[Symbol.dispose]()
  }
  return {
    root: dir.path,
    content: openLocalStore({ root: dir.path, db }),
    [Symbol.dispose]: close,
    [Symbol.asyncDispose]: async () => close(),
  }
}

contentStoreSuite('the local store', async () => home())

const ingests = (root: string): string[] => readdirSync(join(root, 'content/ingest'))

describe('the local store on disk', () => {
  test('a blob is a read-only file under its hex digits', async () => {
    using store = home()
    const d = await blobOf(utf8('hello'))
    await store.content.put(d, streamOf(utf8('hello')))
    const hex = d.digest.slice(7)
    const path = join(store.root, 'content/sha256', hex.slice(0, 2), hex)
    expect(store.content.path(d.digest)).toBe(path)
    expect(readFileSync(path, 'utf8')).toBe('hello')
    expect(statSync(path).mode & 0o777).toBe(0o444)
    expect(ingests(store.root)).toEqual([])
  })

  test('a blob changed on disk is found out at every reading, whatever was changed', async () => {
    using store = home()
    const bytes = patterned(400_000)
    const d = await blobOf(bytes)
    await store.content.put(d, streamOf(bytes))
    const path = store.content.path(d.digest)
    chmodSync(path, 0o644)
    for (const at of [0, 200_000, 399_999]) {
      const damaged = bytes.slice()
      damaged[at]! ^= 1
      writeFileSync(path, damaged)
      await failure(
        store.content.open(d).then((s) => collect(s, d.size)),
        'data_loss',
      )
      expect(() => store.content.document(d)).toThrow(/damaged/)
    }
    for (const size of [0, 1, 399_999]) {
      writeFileSync(path, bytes.subarray(0, size))
      await failure(store.content.open(d), 'data_loss')
      expect(await store.content.has(d)).toBe(false)
    }
    // A torn blob does not stand in the way of a whole one.
    await store.content.put(d, streamOf(bytes))
    expect(await collect(await store.content.open(d), d.size)).toEqual(bytes)
  })

  test('a directory or a symbolic link is no blob', async () => {
    using store = home()
    const d = await blobOf(utf8('hello'))
    mkdirSync(store.content.path(d.digest), { recursive: true })
    expect(await store.content.has(d)).toBe(false)
    await failure(store.content.open(d), 'not_found')
  })

  test('putting again makes a blob young; a foreign file is not listed', async () => {
    using store = home()
    const d = await blobOf(utf8('hello'))
    await store.content.put(d, streamOf(utf8('hello')))
    const path = store.content.path(d.digest)
    utimesSync(path, 1, 1)
    writeFileSync(join(path, '../stray'), 'x')
    await store.content.put(d, streamOf(utf8('hello')))
    expect(store.content.stat(d.digest)?.added).toBeGreaterThan(1e12)
    expect([...store.content.entries()].map((e) => e.digest)).toEqual([d.digest])
  })

  test('what a killed writer left is dropped at once, what may be resumed after a day', async () => {
    using store = home()
    const script = `
      import { openDatabase, openLocalStore } from '#content'
      const store = openLocalStore({ root: process.argv[1], db: openDatabase(process.argv[1] + '/cairn.db') })
      const ingest = await store.ingest('layer')
      await ingest.write(new Uint8Array(300_000))
      const stuck = (async function* () { yield new Uint8Array(300_000); console.log('ready'); await new Promise(() => setInterval(() => {}, 1000)) })()
      await store.put({ mediaType: 'a/b', digest: 'sha256:${'a'.repeat(64)}', size: 1e9 }, stuck)
    `
    const writer = Bun.spawn([process.execPath, '-e', script, store.root], { cwd: import.meta.dir, stdout: 'pipe' })
    for await (const _ of writer.stdout) break
    expect(ingests(store.root)).toHaveLength(2)
    await failure(store.content.ingest('layer'), 'unavailable')
    store.content.removeStale()
    expect(ingests(store.root)).toHaveLength(2)
    writer.kill('SIGKILL')
    await writer.exited
    store.content.removeStale()
    const [left = ''] = ingests(store.root)
    expect(ingests(store.root)).toHaveLength(1)
    await using resumed = await store.content.ingest('layer')
    expect(resumed.offset).toBe(300_000)
    await resumed[Symbol.asyncDispose]()
    utimesSync(join(store.root, 'content/ingest', left), 1, 1)
    store.content.removeStale()
    expect(ingests(store.root)).toEqual([])
  })

  test('processes that write one blob at once all succeed', async () => {
    using store = home()
    const script = `
      import { openDatabase, openLocalStore } from '#content'
      import { blobOf, patterned } from '#testkit'
      import { streamOf } from '#base'
      const store = openLocalStore({ root: process.argv[1], db: openDatabase(process.argv[1] + '/cairn.db') })
      for (let i = 0; i < 10; i++) await store.put(await blobOf(patterned(100_000 + i)), streamOf(patterned(100_000 + i)))
    `
    const writers = [1, 2, 3].map(() =>
      Bun.spawn([process.execPath, '-e', script, store.root], { cwd: import.meta.dir }),
    )
    expect(await Promise.all(writers.map((w) => w.exited))).toEqual([0, 0, 0])
    expect([...store.content.entries()]).toHaveLength(10)
    expect(ingests(store.root)).toEqual([])
    const d = await blobOf(patterned(100_003))
    expect(await collect(await store.content.open(d), d.size)).toEqual(patterned(100_003))
  })

  const skip = skipReason('a full disk', needsRoot(), lacking('unshare'))
  test.skipIf(skip)('a full disk is refused cleanly and nothing torn is left', async () => {
    using dir = tempDir()
    const script = `
      import { openDatabase, openLocalStore } from '#content'
      import { blobOf, patterned } from '#testkit'
      import { streamOf } from '#base'
      import { readdirSync, existsSync } from 'node:fs'
      const root = process.argv[1] + '/small'
      const store = openLocalStore({ root, db: openDatabase(process.argv[1] + '/cairn.db') })
      const small = await blobOf(patterned(1000))
      await store.put(small, streamOf(patterned(1000)))
      const report = async (work) => { try { await work } catch (e) { console.log(e.code + ': ' + e.message) } }
      const big = patterned(3_000_000)
      await report(store.put(await blobOf(big), streamOf(big)))
      const ingest = await store.ingest('x')
      await report((async () => { for (let i = 0; i < 30; i++) await ingest.write(big.subarray(i * 1e5, (i + 1) * 1e5)) })())
      console.log(readdirSync(root + '/content/ingest').length, [...store.entries()].length, await store.has(small))
      await store.put(await blobOf(patterned(2000)), streamOf(patterned(2000)))
      console.log([...store.entries()].length)
    `
    const mount = `mkdir ${dir.path}/small && mount -t tmpfs -o size=1m none ${dir.path}/small && exec "$@"`
    const ran = await run(['unshare', '-m', 'sh', '-c', mount, 'sh', process.execPath, '-e', script, dir.path], {
      cwd: import.meta.dir,
    })
    expect(ran.stdout.split('\n')).toEqual([
      expect.stringMatching(/^resource_exhausted: cannot write .*: no space left on the device$/),
      expect.stringMatching(/^resource_exhausted: cannot write .*: no space left on the device$/),
      '0 1 true',
      '2',
      '',
    ])
    expect(existsSync(join(dir.path, 'small/content'))).toBe(false)
  })
})
