import { collect, fail } from '#base'
import { createHasher } from '#codec'
import type { HashAlgorithm, Hasher } from '#codec'
import { algorithmOf } from '#oci'
import type { Digest } from '#oci'
import type { BlobInfo, BlobUpload } from '../../types.ts'
import { objectsUnder } from './client.ts'
import type { S3Client, S3Entry, S3Object } from './client.ts'

/**
 * Bytes of the part after so many others; several are in memory, until Bun lets go of what was sent (5 GB: 143 MB RSS; in parts of 16 MiB 275).
 * S3 takes 10,000 parts: blobs up to 195 GiB, of which the first 39 go in small parts.
 */
const partBytes = (before: number): number => (before < 5000 ? 8 : 32) * 1024 * 1024
/** S3 takes no smaller part but the last. */
const PART_LEAST = 5 * 1024 * 1024

/** Shows a blob whose digest is proved: `place` puts its bytes under a key. */
export type PublishBlob = (digest: Digest, place: (key: string) => Promise<void>) => Promise<void>

/**
 * An upload as objects `<at>00001`, `<at>00002` …, put together in the store at the end. Unlike the
 * parts of S3's own multipart uploads they can be read again, so another server takes the upload up.
 */
export async function openS3Upload(client: S3Client, at: string, publish: PublishBlob): Promise<BlobUpload> {
  const upload = new S3Upload(client, at, publish)
  await upload.takeUp()
  return upload
}

class S3Upload implements BlobUpload {
  readonly #client: S3Client
  readonly #at: string
  readonly #publish: PublishBlob
  readonly #parts: S3Entry[] = []
  /** The part that is being filled. */
  #pending = new Uint8Array(0)
  #filled = 0
  /** What is pending, as it lies in the store. */
  #tail: S3Entry | undefined
  /** Of all bytes so far; absent when another server took some of them, which are then read again at the end, once. */
  #sha256: Hasher | undefined

  constructor(client: S3Client, at: string, publish: PublishBlob) {
    this.#client = client
    this.#at = at
    this.#publish = publish
  }

  /** Goes on where the parts in the store end. */
  async takeUp(): Promise<void> {
    for (const part of await this.#stored()) {
      if (part.size >= PART_LEAST) {
        this.#parts.push(part)
        continue
      }
      const bytes = await collect((await this.#read(part)).body, PART_LEAST)
      this.#pending = this.#room()
      this.#pending.set(bytes)
      this.#filled = bytes.length
      this.#tail = part
      break
    }
    if (this.#parts.length > 0) return
    this.#sha256 = createHasher('sha256')
    this.#sha256.update(this.#unsent())
  }

  get offset(): number {
    return this.#parts.reduce((sum, { size }) => sum + size, 0) + this.#filled
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#sha256?.update(chunk)
    if (chunk.length > 0) this.#tail = undefined
    for (let from = 0; from < chunk.length;) {
      if (this.#filled === 0 && this.#pending.length !== partBytes(this.#parts.length)) this.#pending = this.#room()
      const count = Math.min(chunk.length - from, this.#pending.length - this.#filled)
      this.#pending.set(chunk.subarray(from, from + count), this.#filled)
      this.#filled += count
      from += count
      if (this.#filled === this.#pending.length) await this.#flush()
    }
  }

  async pause(): Promise<void> {
    if (this.#filled > 0) this.#tail ??= await this.#send()
  }

  async resume(): Promise<boolean> {
    const there = await this.#stored()
    const own = this.#tail ? [...this.#parts, this.#tail] : this.#parts
    return there.length === own.length && there.every(({ etag }, i) => unquoted(etag) === unquoted(own[i]!.etag))
  }

  async commit(digest: Digest): Promise<BlobInfo> {
    const size = this.offset
    const actual = await this.#digest(algorithmOf(digest))
    if (actual !== digest) {
      await this.#drop()
      return fail('data_loss', `expected bytes with digest ${digest}, but those that came have ${actual}`)
    }
    await this.#publish(digest, (key) => this.#place(key))
    await this.#drop()
    return { digest, size }
  }

  async abort(): Promise<void> {
    this.#filled = 0
    await this.#drop()
  }

  close(): Promise<void> {
    return this.#flush()
  }

  /** What is pending becomes a part. */
  async #flush(): Promise<void> {
    if (this.#filled === 0) return
    this.#parts.push(this.#tail ?? (await this.#send()))
    this.#tail = undefined
    this.#filled = 0
  }

  async #place(key: string): Promise<void> {
    if (this.#parts.length === 0) return void (await this.#client.put(key, this.#unsent()))
    await this.#flush()
    await this.#client.compose(key, this.#parts)
  }

  async #digest(algorithm: HashAlgorithm): Promise<Digest> {
    if (algorithm === 'sha256' && this.#sha256) return this.#sha256.digest()
    // Rare enough that reading again is cheaper than hashing everything twice.
    const hasher = createHasher(algorithm)
    for (const part of this.#parts) for await (const chunk of (await this.#read(part)).body) hasher.update(chunk)
    hasher.update(this.#unsent())
    return hasher.digest()
  }

  #room(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(partBytes(this.#parts.length))
  }

  #unsent(): Uint8Array<ArrayBuffer> {
    return this.#pending.subarray(0, this.#filled)
  }

  async #send(): Promise<S3Entry> {
    const key = `${this.#at}${String(this.#parts.length + 1).padStart(5, '0')}`
    // Not a copy: nobody writes to it before the store has answered.
    const etag = (await this.#client.put(key, this.#unsent())) ?? fail('unavailable', 'the object store refuses a part')
    return { key, etag, size: this.#filled }
  }

  async #read({ key }: S3Entry): Promise<S3Object> {
    return (await this.#client.get(key)) ?? fail('unavailable', 'a part of an upload vanished')
  }

  #stored(): Promise<readonly S3Entry[]> {
    return Array.fromAsync(objectsUnder(this.#client, this.#at))
  }

  async #drop(): Promise<void> {
    for (const { key } of await this.#stored()) await this.#client.delete(key)
  }
}

const unquoted = (etag: string): string => etag.replaceAll('"', '')
