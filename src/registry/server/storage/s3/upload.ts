import { collect, fail } from '#base'
import { createHasher } from '#codec'
import { algorithmOf } from '#oci'
import type { Digest } from '#oci'
import type { BlobInfo, BlobUpload } from '../../types.ts'
import type { S3Client, S3Part } from './client.ts'

/**
 * Bytes of the part after so many others; an upload has some in memory, until Bun lets go of what was sent.
 * S3 takes 10,000 parts: blobs up to 195 GiB, of which the first 39 go in small parts.
 */
const partBytes = (before: number): number => (before < 5000 ? 8 : 32) * 1024 * 1024
/** S3 takes no smaller part but the last. */
const PART_LEAST = 5 * 1024 * 1024

interface Part extends S3Part {
  readonly size: number
}

/**
 * An upload as objects `<at>00001`, `<at>00002` …, put together in the store at the end. Unlike the
 * parts of S3's own multipart uploads they can be read again, so another server takes the upload up.
 */
export async function openS3Upload(
  client: S3Client,
  at: string,
  publish: (digest: Digest, place: (key: string) => Promise<void>) => Promise<void>,
): Promise<BlobUpload> {
  const parts: Part[] = []
  const sha256 = createHasher('sha256')
  let pending = new Uint8Array(0)
  let filled = 0
  const room = (): Uint8Array<ArrayBuffer> => new Uint8Array(partBytes(parts.length))
  const flush = async (): Promise<void> => {
    if (filled === 0) return
    const key = `${at}${String(parts.length + 1).padStart(5, '0')}`
    // Not a copy: nobody writes to it before the store has answered.
    const part = pending.subarray(0, filled)
    const etag = (await client.put(key, part)) ?? fail('unavailable', 'the object store refuses a part')
    parts.push({ key, etag, size: filled })
    filled = 0
  }
  const drop = async (): Promise<void> => {
    for (const { key } of await partsAt(client, at)) await client.delete(key)
  }
  for (const { key, etag, size } of await partsAt(client, at)) {
    const object = (await client.get(key)) ?? fail('unavailable', 'a part of an upload vanished')
    if (size < PART_LEAST) {
      const bytes = await collect(object.body, PART_LEAST)
      sha256.update(bytes)
      pending = room()
      pending.set(bytes)
      filled = bytes.length
      break
    }
    for await (const chunk of object.body) sha256.update(chunk)
    parts.push({ key, etag, size })
  }
  const digestBy = async (algorithm: 'sha256' | 'sha512'): Promise<Digest> => {
    if (algorithm === 'sha256') return sha256.digest()
    // Rare enough that reading again is cheaper than hashing everything twice.
    const sha512 = createHasher('sha512')
    for (const { key } of parts) {
      const object = (await client.get(key)) ?? fail('unavailable', 'a part of an upload vanished')
      for await (const chunk of object.body) sha512.update(chunk)
    }
    sha512.update(pending.subarray(0, filled))
    return sha512.digest()
  }
  const written = (): number => parts.reduce((sum, { size }) => sum + size, 0) + filled
  return {
    get offset() {
      return written()
    },
    write: async (chunk) => {
      sha256.update(chunk)
      for (let from = 0; from < chunk.length;) {
        if (filled === 0 && pending.length !== partBytes(parts.length)) pending = room()
        const count = Math.min(chunk.length - from, pending.length - filled)
        pending.set(chunk.subarray(from, from + count), filled)
        filled += count
        from += count
        if (filled === pending.length) await flush()
      }
    },
    commit: async (digest): Promise<BlobInfo> => {
      const size = written()
      const actual = await digestBy(algorithmOf(digest))
      if (actual !== digest) {
        await drop()
        return fail('data_loss', `expected bytes with digest ${digest}, but those that came have ${actual}`)
      }
      await publish(digest, async (key) => {
        if (parts.length === 0) return void (await client.put(key, pending.subarray(0, filled)))
        await flush()
        await client.compose(key, parts)
      })
      await drop()
      return { digest, size }
    },
    abort: async () => {
      filled = 0
      await drop()
    },
    close: flush,
  }
}

async function partsAt(client: S3Client, at: string): Promise<readonly Part[]> {
  const parts: Part[] = []
  for (let after: string | undefined, more = true; more;) {
    const page = await client.list(at, after === undefined ? {} : { after })
    parts.push(...page.entries)
    after = parts.at(-1)?.key
    more = page.more && page.entries.length > 0
  }
  return parts
}
