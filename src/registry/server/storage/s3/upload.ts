import { collect, fail } from '#base'
import { createHasher } from '#codec'
import { algorithmOf } from '#oci'
import type { Digest } from '#oci'
import type { BlobInfo, BlobUpload } from '../../types.ts'
import type { S3Client, S3Part } from './client.ts'

/**
 * Bytes of the part after so many others; several are in memory, until Bun lets go of what was sent (5 GB: 143 MB RSS; in parts of 16 MiB 275).
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
  let pending = new Uint8Array(0)
  let filled = 0
  /** What is pending, as it lies in the store. */
  let tail: Part | undefined
  const room = (): Uint8Array<ArrayBuffer> => new Uint8Array(partBytes(parts.length))
  const stored = async (): Promise<Part> => {
    const key = `${at}${String(parts.length + 1).padStart(5, '0')}`
    // Not a copy: nobody writes to it before the store has answered.
    const etag =
      (await client.put(key, pending.subarray(0, filled))) ?? fail('unavailable', 'the object store refuses a part')
    return { key, etag, size: filled }
  }
  const flush = async (): Promise<void> => {
    if (filled === 0) return
    parts.push(tail ?? (await stored()))
    tail = undefined
    filled = 0
  }
  const drop = async (): Promise<void> => {
    for (const { key } of await partsAt(client, at)) await client.delete(key)
  }
  for (const part of await partsAt(client, at)) {
    if (part.size >= PART_LEAST) {
      parts.push(part)
      continue
    }
    const object = (await client.get(part.key)) ?? fail('unavailable', 'a part of an upload vanished')
    const bytes = await collect(object.body, PART_LEAST)
    pending = room()
    pending.set(bytes)
    filled = bytes.length
    tail = part
    break
  }
  // What another server took is read again at the end, once.
  const sha256 = parts.length === 0 ? createHasher('sha256') : undefined
  sha256?.update(pending.subarray(0, filled))
  const digestBy = async (algorithm: 'sha256' | 'sha512'): Promise<Digest> => {
    if (algorithm === 'sha256' && sha256) return sha256.digest()
    // Rare enough that reading again is cheaper than hashing everything twice.
    const hasher = createHasher(algorithm)
    for (const { key } of parts) {
      const object = (await client.get(key)) ?? fail('unavailable', 'a part of an upload vanished')
      for await (const chunk of object.body) hasher.update(chunk)
    }
    hasher.update(pending.subarray(0, filled))
    return hasher.digest()
  }
  const written = (): number => parts.reduce((sum, { size }) => sum + size, 0) + filled
  return {
    get offset() {
      return written()
    },
    write: async (chunk) => {
      sha256?.update(chunk)
      if (chunk.length > 0) tail = undefined
      for (let from = 0; from < chunk.length;) {
        if (filled === 0 && pending.length !== partBytes(parts.length)) pending = room()
        const count = Math.min(chunk.length - from, pending.length - filled)
        pending.set(chunk.subarray(from, from + count), filled)
        filled += count
        from += count
        if (filled === pending.length) await flush()
      }
    },
    pause: async () => {
      if (filled > 0) tail ??= await stored()
    },
    resume: async () => {
      const there = await partsAt(client, at)
      const own = tail ? [...parts, tail] : parts
      return there.length === own.length && there.every(({ etag }, i) => unquoted(etag) === unquoted(own[i]!.etag))
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

const unquoted = (etag: string): string => etag.replaceAll('"', '')

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
