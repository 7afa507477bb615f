import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { streamOf, utf8 } from '#base'
import type { Descriptor } from '#oci'
import { blobOf, failure, tempDir } from '#testkit'
import { openDatabase } from './database.ts'
import type { Database } from './database.ts'
import { openLocalStore } from './localstore.ts'
import { localTarget } from './localtarget.ts'
import { openNames } from './names.ts'
import type { ImageNames } from './names.ts'

const one = await blobOf(utf8('one'))
const two = await blobOf(utf8('two'))

function opened(): { names: ImageNames; db: Database; root: string } & Disposable {
  const dir = tempDir()
  const db = openDatabase(join(dir.path, 'cairn.db'))
  return {
    db,
    root: dir.path,
    names: openNames(db),
    [Symbol.dispose]: () => {
      db.close()
      dir[Symbol.dispose]()
    },
  }
}

describe('names', () => {
  test('point at one image each; an image keeps its birthday under every name', () => {
    using t = opened()
    t.names.tag(one, 'a', 1000)
    t.names.tag(one, 'b')
    t.names.tag(two, 'c', 3000)
    expect(t.names.get('b')).toEqual({ name: 'b', root: one, created: 1000 })
    expect(t.names.list().map((i) => i.name)).toEqual(['a', 'b', 'c'])
    expect(t.names.withDigest(one.digest)).toHaveLength(2)
    expect(t.names.get('d')).toBeUndefined()
  })

  test('an image whose last name moves stays, nameless, until it is named again or forgotten', () => {
    using t = opened()
    t.names.tag(one, 'a', 1000)
    t.names.tag(two, 'a', 2000)
    expect(t.names.list()).toEqual([
      { name: 'a', root: two, created: 2000 },
      { root: one, created: 1000 },
    ])
    t.names.tag(one, 'b')
    expect(t.names.list().map((i) => i.name)).toEqual(['a', 'b'])
    t.names.tag(two, 'b')
    t.names.forget(one.digest)
    expect(t.names.list().map((i) => i.root.digest)).toEqual([two.digest, two.digest])
  })

  test('tagging an image as what it is named already changes nothing', () => {
    using t = opened()
    t.names.tag(one, 'a', 1000)
    t.names.tag(one, 'a')
    expect(t.names.list()).toEqual([{ name: 'a', root: one, created: 1000 }])
  })

  test('untagging takes the name and nothing else', () => {
    using t = opened()
    t.names.tag(one, 'a')
    t.names.tag(one, 'b')
    expect(t.names.untag('a')).toEqual(one)
    expect(t.names.list().map((i) => i.name)).toEqual(['b'])
    expect(() => t.names.untag('a')).toThrow(/no image is named a/)
    t.names.keep(two)
    t.names.keep(one)
    expect(t.names.list().map((i) => i.name)).toEqual(['b', undefined])
  })
})

describe('the local store as a target', () => {
  test('names are read as Docker reads them', async () => {
    using t = opened()
    const store = openLocalStore({ root: t.root, db: t.db })
    const target = localTarget(store, t.names)
    await target.put(one, streamOf(utf8('one')))
    await target.tag(one, 'app')
    const found: Descriptor = await target.resolve('docker.io/library/app:latest')
    expect(found).toEqual(one)
    for (const text of ['app', 'app:latest', one.digest, `app@${one.digest}`, `other@${one.digest}`])
      expect(await target.resolve(text)).toEqual(one)
    for (const text of ['app:2', 'user/app', two.digest]) await failure(target.resolve(text), 'not_found')
    await failure(target.resolve('App'), 'invalid_argument')
    await failure(target.tag(one, `x@${two.digest}`), 'invalid_argument')
    await target.tag(two, `x@${two.digest}`)
    expect(t.names.withDigest(two.digest)).toEqual([{ root: two, created: expect.any(Number) as number }])
    expect(await target.has(one)).toBe(true)
  })
})
