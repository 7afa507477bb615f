import { describe, expect, test } from 'bun:test'
import { collect, utf8 } from '#base'
import type { Digest } from '#oci'
import type { BlobInfo, RegistryStorage } from '#registry/server'
import { blobOf, failure, patterned } from '#testkit'

/** A storage under test: empty, with a clock that the suite turns, and a way to come back after a crash. */
export interface StorageSubject extends AsyncDisposable {
  readonly storage: RegistryStorage
  /** A second storage over the same place, as another replica or a restarted server would open it. */
  again(): Promise<RegistryStorage>
}

/** What every {@link RegistryStorage} must do. `now` is the clock to be given to the storage. */
export function driverSuite(name: string, make: (now: () => number) => Promise<StorageSubject>): void {
  const START = Date.UTC(2026, 0, 1)
  const opened = async (): Promise<{ subject: StorageSubject; clock: { time: number } }> => {
    const clock = { time: START }
    return { subject: await make(() => clock.time), clock }
  }

  describe(`${name}: records`, () => {
    test('are put, read, listed in order page by page, and deleted', async () => {
      const { subject, clock } = await opened()
      await using _ = subject
      const { records } = subject.storage
      for (const key of ['tag/b:2', 'tag/b:1', 'tag/b:10', 'tag/a:1', 'tag/b-c:1', 'tag/b/c:1', 'zag/b:1'])
        expect(await records.put(key, `value of ${key}`)).toBe(true)
      const keys = async (prefix: string, page = {}): Promise<string[]> =>
        (await records.list(prefix, page)).map(({ key }) => key)
      expect(await keys('tag/b:')).toEqual(['tag/b:1', 'tag/b:10', 'tag/b:2'])
      expect(await keys('tag/b:', { limit: 2 })).toEqual(['tag/b:1', 'tag/b:10'])
      expect(await keys('tag/b:', { after: 'tag/b:10', limit: 2 })).toEqual(['tag/b:2'])
      expect(await keys('tag/b:', { after: 'tag/b:11' })).toEqual(['tag/b:2'])
      expect(await keys('tag/b:', { after: 'tag/b:zzz' })).toEqual([])
      expect(await keys('nothing/')).toEqual([])
      expect(await records.get('tag/b:1')).toEqual({ key: 'tag/b:1', value: 'value of tag/b:1', touched: clock.time })
      expect(await records.delete('tag/b:1')).toBe(true)
      expect(await records.delete('tag/b:1')).toBe(false)
      expect(await records.get('tag/b:1')).toBeUndefined()
    })

    test('change only under their condition', async () => {
      const { subject, clock } = await opened()
      await using _ = subject
      const { records } = subject.storage
      expect(await records.put('k', 'one', { value: 'zero' })).toBe(false)
      expect(await records.put('k', 'one', { value: null })).toBe(true)
      expect(await records.put('k', 'two', { value: null })).toBe(false)
      expect(await records.put('k', 'two', { value: 'one' })).toBe(true)
      expect(await records.delete('k', { value: 'one' })).toBe(false)
      expect(await records.delete('k', { before: clock.time })).toBe(false)
      clock.time += 2000
      expect(await records.touch('k')).toBe(true)
      expect(await records.delete('k', { before: clock.time })).toBe(false)
      clock.time += 2000
      expect(await records.delete('k', { before: clock.time })).toBe(true)
      expect(await records.touch('k')).toBe(false)
    })

    test('let one of many win', async () => {
      const { subject } = await opened()
      await using _ = subject
      const other = await subject.again()
      await using __ = other
      const won = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          (i % 2 ? other : subject.storage).records.put('race', String(i), { value: null }),
        ),
      )
      expect(won.filter(Boolean).length).toBe(1)
      expect((await other.records.get('race'))?.value).toBe(String(won.indexOf(true)))
    })
  })

  describe(`${name}: blobs`, () => {
    test('are uploaded piece by piece, unseen until commit', async () => {
      const { subject } = await opened()
      await using _ = subject
      const { blobs } = subject.storage
      const bytes = patterned(700_001)
      const { digest } = await blobOf(bytes)
      const upload = await blobs.upload('one')
      await upload.write(bytes.subarray(0, 300_000))
      expect(upload.offset).toBe(300_000)
      expect(await blobs.stat(digest)).toBeUndefined()
      await upload.write(bytes.subarray(300_000))
      expect((await upload.commit(digest)).size).toBe(bytes.length)
      const blob = await blobs.stat(digest)
      expect(blob?.size).toBe(bytes.length)
      for (const [start, end] of [
        [0, bytes.length],
        [0, 1],
        [5, 600_000],
        [700_000, 700_001],
      ] as const)
        expect(await read(subject.storage, blob!, start, end)).toEqual(bytes.slice(start, end))
      expect((await all(subject.storage)).map((b) => b.digest)).toEqual([digest])
    })

    test('an upload is taken up by another server at the byte where it stopped', async () => {
      const { subject } = await opened()
      await using _ = subject
      const bytes = patterned(400_000)
      const { digest } = await blobOf(bytes)
      const first = await subject.storage.blobs.upload('two')
      await first.write(bytes.subarray(0, 150_000))
      await first.close()
      const other = await subject.again()
      await using __ = other
      const second = await other.blobs.upload('two')
      expect(second.offset).toBe(150_000)
      await second.write(bytes.subarray(150_000))
      await second.commit(digest)
      expect(await subject.storage.blobs.document(digest)).toEqual(bytes)
    })

    test('two servers take turns at an upload, and neither overlooks what the other wrote', async () => {
      const { subject } = await opened()
      await using _ = subject
      await using other = await subject.again()
      const bytes = patterned(12_000_000)
      const { digest } = await blobOf(bytes)
      const first = await subject.storage.blobs.upload('turns')
      await first.write(bytes.subarray(0, 3_000_000))
      await first.pause()
      const second = await other.blobs.upload('turns')
      expect(second.offset).toBe(3_000_000)
      await second.write(bytes.subarray(3_000_000, 3_000_100))
      await second.pause()
      expect(await first.resume()).toBe(false)
      await first.close()
      expect(await second.resume()).toBe(true)
      await second.write(bytes.subarray(3_000_100, 11_000_000))
      await second.pause()
      const third = await subject.storage.blobs.upload('turns')
      expect(third.offset).toBe(11_000_000)
      await third.pause()
      expect(await third.resume()).toBe(true)
      await third.write(bytes.subarray(11_000_000))
      await third.commit(digest)
      // What has ended is not gone on with, and letting go of it harms nobody.
      expect(await second.resume()).toBe(false)
      await second.close()
      const blob = await subject.storage.blobs.stat(digest)
      expect(blob).toEqual({ digest, size: bytes.length })
      const again = await other.blobs.upload('turns')
      expect(again.offset).toBe(0)
      await again.abort()
    })

    test('bytes with another digest are refused and nothing is kept', async () => {
      const { subject } = await opened()
      await using _ = subject
      const { blobs } = subject.storage
      const { digest } = await blobOf(utf8('hello'))
      const upload = await blobs.upload('three')
      await upload.write(utf8('hellO'))
      await failure(upload.commit(digest), 'data_loss')
      expect(await all(subject.storage)).toEqual([])
      const again = await blobs.upload('three')
      expect(again.offset).toBe(0)
      await again.write(utf8('x'))
      await again.abort()
      const last = await blobs.upload('three')
      expect(last.offset).toBe(0)
      await last.abort()
    })

    test('take sha512, the empty blob and small documents', async () => {
      const { subject } = await opened()
      await using _ = subject
      const { blobs } = subject.storage
      const bytes = utf8('hello')
      const hash = new Uint8Array(await crypto.subtle.digest('SHA-512', bytes as Uint8Array<ArrayBuffer>))
      const sha512: Digest = `sha512:${hash.toHex()}`
      const upload = await blobs.upload('four')
      await upload.write(bytes)
      await upload.commit(sha512)
      expect(await blobs.document(sha512)).toEqual(bytes)
      const empty = await blobOf(new Uint8Array())
      await (await blobs.upload('five')).commit(empty.digest)
      expect((await blobs.stat(empty.digest))?.size).toBe(0)
      const document = await blobOf(bytes)
      await blobs.put(document, bytes)
      await blobs.put(document, bytes)
      expect(await blobs.document(document.digest)).toEqual(bytes)
      await failure(blobs.put({ ...document, digest: empty.digest }, bytes), 'data_loss')
    })

    test('go only when nobody touched them', async () => {
      const { subject, clock } = await opened()
      await using _ = subject
      const { blobs } = subject.storage
      const d = await blobOf(utf8('hello'))
      await blobs.put(d, utf8('hello'))
      clock.time += 5000
      expect(await blobs.touch(d.digest)).toBe(true)
      expect(await blobs.removeUnused(d.digest, clock.time - 1000)).toBe(false)
      clock.time += 5000
      expect(await blobs.removeUnused(d.digest, clock.time - 1000)).toBe(true)
      expect(await blobs.stat(d.digest)).toBeUndefined()
      expect(await blobs.touch(d.digest)).toBe(false)
      expect(await blobs.removeUnused(d.digest, clock.time)).toBe(false)
    })

    test('many writers of one blob all succeed', async () => {
      const { subject } = await opened()
      await using _ = subject
      const bytes = patterned(100_000)
      const { digest } = await blobOf(bytes)
      await Promise.all(
        Array.from({ length: 8 }, async (_, i) => {
          const upload = await subject.storage.blobs.upload(`many ${i}`)
          await upload.write(bytes)
          await upload.commit(digest)
        }),
      )
      expect(await subject.storage.blobs.document(digest)).toEqual(bytes)
    })
  })
}

async function all(storage: RegistryStorage): Promise<BlobInfo[]> {
  const blobs: BlobInfo[] = []
  for await (const blob of storage.blobs.list()) blobs.push(blob)
  return blobs
}

async function read(storage: RegistryStorage, blob: BlobInfo, start: number, end: number): Promise<Uint8Array> {
  const body = await storage.blobs.read(blob, { start, end })
  if (body.kind === 'file') return Bun.file(body.path).slice(start, end).bytes()
  if (body.kind === 'redirect')
    return (await fetch(body.url, { headers: { range: `bytes=${start}-${end - 1}` } })).bytes()
  return collect(body.stream, end - start)
}
