import { describe, expect, test } from 'bun:test'
import { collect, fail, isCode, streamOf, utf8 } from '#base'
import type { ByteStream, ErrorCode } from '#base'
import type { ContentProvider, ContentStore } from '#content'
import { describe as describeBytes } from '#oci'
import type { Descriptor, Digest } from '#oci'

/** A provider under test, holding exactly the blobs it was made with. */
export interface Subject<Provider> extends AsyncDisposable {
  readonly content: Provider
}

const ABSENT: Descriptor = { mediaType: 'application/octet-stream', digest: `sha256:${'0'.repeat(64)}`, size: 3 }

/** Resolves to the CairnError that the work ends with; fails when it succeeds or ends with another code. */
export async function failure(work: Promise<unknown>, code: ErrorCode): Promise<Error> {
  try {
    await work
  } catch (error) {
    if (isCode(error, code)) return error
    throw error
  }
  throw new Error(`expected ${code}, but nothing failed`)
}

/** Bytes with a fixed pattern: the same length gives the same blob. */
export function patterned(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = length | 1
  for (let i = 0; i < length; i++) bytes[i] = state = (state * 1103515245 + 12345) & 0x7fffffff
  return bytes
}

export async function blobOf(bytes: Uint8Array): Promise<Descriptor> {
  return (await describeBytes('application/octet-stream', bytes)).descriptor
}

const BLOBS: readonly Uint8Array[] = [utf8('hello'), new Uint8Array(0), patterned(70_000), patterned(1_500_000)]

/** What every {@link ContentProvider} must do. `make` is given the blobs to hold. */
export function contentProviderSuite(
  name: string,
  make: (blobs: readonly Uint8Array[]) => Promise<Subject<ContentProvider>>,
): void {
  describe(`${name} as a provider`, () => {
    test('serves each blob whole and from any offset', async () => {
      await using subject = await make(BLOBS)
      for (const bytes of BLOBS) {
        const d = await blobOf(bytes)
        expect(await subject.content.has(d)).toBe(true)
        expect(await collect(await subject.content.open(d), bytes.length)).toEqual(bytes)
        for (const offset of [1, bytes.length >> 1, bytes.length])
          if (offset <= bytes.length)
            expect(await collect(await subject.content.open(d, { offset }), bytes.length)).toEqual(bytes.slice(offset))
      }
    })

    test('says that a blob is absent', async () => {
      await using subject = await make(BLOBS)
      expect(await subject.content.has(ABSENT)).toBe(false)
      await failure(readAll(subject.content, ABSENT), 'not_found')
    })

    test('does not serve a blob under a size that is not its own', async () => {
      await using subject = await make(BLOBS)
      const d = await blobOf(utf8('hello'))
      for (const size of [0, 4, 6, 2 ** 50]) await failure(readAll(subject.content, { ...d, size }), 'data_loss')
    })

    test('does not follow a digest out of its place', async () => {
      await using subject = await make(BLOBS)
      const digest = 'sha256:../../../../etc/passwd' as Digest
      await failure(readAll(subject.content, { ...ABSENT, digest }), 'invalid_argument')
    })

    test('stops when the caller gives up', async () => {
      await using subject = await make(BLOBS)
      const d = await blobOf(patterned(1_500_000))
      await failure(readAll(subject.content, d, AbortSignal.abort()), 'canceled')
    })

    test('a reader may leave early, and many may read at once', async () => {
      await using subject = await make(BLOBS)
      const d = await blobOf(patterned(1_500_000))
      for await (const chunk of await subject.content.open(d)) {
        expect(chunk.length).toBeGreaterThan(0)
        break
      }
      const all = await Promise.all(Array.from({ length: 8 }, () => readAll(subject.content, d)))
      for (const bytes of all) expect(bytes).toEqual(patterned(1_500_000))
    })
  })
}

/** What every {@link ContentStore} must do besides; the store begins empty. */
export function contentStoreSuite(name: string, make: () => Promise<Subject<ContentStore>>): void {
  contentProviderSuite(name, async (blobs) => {
    const subject = await make()
    for (const bytes of blobs) await subject.content.put(await blobOf(bytes), streamOf(bytes))
    return subject
  })

  describe(`${name} as a store`, () => {
    test('put is idempotent and lets go of a stream that it does not need', async () => {
      await using subject = await make()
      const d = await blobOf(utf8('hello'))
      await subject.content.put(d, streamOf(utf8('hel'), utf8('lo')))
      let read = false
      let released = false
      const stream: ByteStream = {
        [Symbol.asyncIterator]: () => ({
          next: async () => ((read = true), { done: true, value: undefined }),
          return: async () => ((released = true), { done: true, value: undefined }),
        }),
      }
      await subject.content.put(d, stream)
      expect({ read, released }).toEqual({ read: false, released: true })
      expect(await listed(subject.content)).toEqual([d.digest])
    })

    test('refuses bytes that are not what was announced, and keeps none of them', async () => {
      await using subject = await make()
      const d = await blobOf(utf8('hello'))
      for (const text of ['hellO', 'hell', 'hello!', ''])
        await failure(subject.content.put(d, streamOf(utf8(text))), 'data_loss')
      await failure(subject.content.put(d, broken()), 'unavailable')
      expect(await listed(subject.content)).toEqual([])
    })

    test('stops an endless stream at the announced size', async () => {
      await using subject = await make()
      let produced = 0
      async function* endless(): AsyncGenerator<Uint8Array, void, void> {
        for (;;) {
          produced++
          yield new Uint8Array(1000)
        }
      }
      await failure(subject.content.put(await blobOf(patterned(5000)), endless()), 'data_loss')
      expect(produced).toBeLessThan(10)
    })

    test('takes sha512', async () => {
      await using subject = await make()
      const bytes = utf8('hello')
      const hash = new Uint8Array(await crypto.subtle.digest('SHA-512', bytes as Uint8Array<ArrayBuffer>))
      const d: Descriptor = { ...ABSENT, digest: `sha512:${hash.toHex()}`, size: 5 }
      await subject.content.put(d, streamOf(bytes))
      expect(await readAll(subject.content, d)).toEqual(bytes)
      await failure(subject.content.put({ ...d, digest: `sha512:${'0'.repeat(128)}` }, streamOf(bytes)), 'data_loss')
    })

    test('an ingest is unseen until commit, resumes where it stopped, and may be dropped', async () => {
      await using subject = await make()
      const { content } = subject
      const bytes = patterned(300_000)
      {
        await using ingest = await content.ingest('layer')
        expect(ingest.offset).toBe(0)
        await ingest.write(bytes.subarray(0, 100_000))
      }
      expect(await listed(content)).toEqual([])
      {
        await using ingest = await content.ingest('layer')
        expect(ingest.offset).toBe(100_000)
        await failure(content.ingest('layer'), 'unavailable')
        await ingest.write(bytes.subarray(100_000))
        const d = await ingest.commit('text/plain', await blobOf(bytes))
        expect(d).toEqual({ ...(await blobOf(bytes)), mediaType: 'text/plain' })
        await failure(ingest.write(bytes), 'failed_precondition')
      }
      expect(await readAll(content, await blobOf(bytes))).toEqual(bytes)
      await using dropped = await content.ingest('layer')
      expect(dropped.offset).toBe(0)
      await dropped.write(bytes)
      await dropped.abort()
      await using again = await content.ingest('layer')
      expect(again.offset).toBe(0)
    })

    test('a commit of other bytes than expected keeps nothing', async () => {
      await using subject = await make()
      await using ingest = await subject.content.ingest('x')
      await ingest.write(utf8('hellO'))
      await failure(ingest.commit('text/plain', await blobOf(utf8('hello'))), 'data_loss')
      expect(await listed(subject.content)).toEqual([])
      await using again = await subject.content.ingest('x')
      expect(again.offset).toBe(0)
    })

    test('deletes, also what is not there', async () => {
      await using subject = await make()
      const d = await blobOf(utf8('hello'))
      await subject.content.put(d, streamOf(utf8('hello')))
      await subject.content.delete(d.digest)
      await subject.content.delete(d.digest)
      expect(await subject.content.has(d)).toBe(false)
    })
  })
}

async function readAll(content: ContentProvider, d: Descriptor, signal?: AbortSignal): Promise<Uint8Array> {
  return collect(await content.open(d, signal ? { signal } : {}), 1 << 24)
}

async function listed(content: ContentStore): Promise<Digest[]> {
  const digests: Digest[] = []
  for await (const d of content.list()) digests.push(d.digest)
  return digests.sort()
}

async function* broken(): AsyncGenerator<Uint8Array, void, void> {
  yield utf8('he')
  fail('unavailable', 'the wire broke')
}
