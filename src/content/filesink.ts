import { closeSync, constants, fchmodSync, fstatSync, futimesSync, openSync, statSync } from 'node:fs'
import { createHasher } from '#codec'
import type { Hasher } from '#codec'
import type { Digest } from '#oci'
import type { IngestOptions } from './types.ts'
import { diskError } from './diskerror.ts'
import { openDirect, readAt, syncData, writeAt, type DirectFile } from './fd.ts'

/**
 * A file that is hashed while it is written. Small chunks are gathered, so that a stream of
 * kilobytes does not become a system call each.
 */
export interface FileSink {
  /** Bytes so far, those of a resumed file included. */
  readonly size: number
  write(chunk: Uint8Array): Promise<void>
  /** What was gathered is in the file, where others may read it. */
  flush(): Promise<void>
  /** True while the file is the one under its name, and nobody else wrote to it. */
  isUnchanged(): boolean
  /** Everything on the disk, read-only; the bytes' digest. The file stays open until `close`. */
  finish(algorithm: 'sha256' | 'sha512'): Promise<Digest>
  close(): Promise<void>
}

const GATHER = 256 * 1024

/**
 * Opens `path` for writing: a new file, or with `resume` the one that is there, hashed again from its start. With
 * `pastCache`, large chunks go to the disk directly.
 */
export async function openFileSink(
  path: string,
  options: IngestOptions & { readonly resume?: boolean } = {},
): Promise<FileSink> {
  const creation = options.resume ? 0 : constants.O_EXCL
  let fd: number
  try {
    fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | creation, 0o600)
  } catch (error) {
    throw diskError(error, 'write', path)
  }
  const large = openDirect(fd, options.pastCache ? path : undefined)
  const sink = new HashingSink(fd, path, large)
  try {
    if (options.resume) await sink.resume()
  } catch (error) {
    large.close()
    closeSync(fd)
    throw diskError(error, 'resume', path)
  }
  return sink
}

class HashingSink implements FileSink {
  readonly #fd: number
  readonly #path: string
  readonly #large: DirectFile
  readonly #sha256: Hasher = createHasher('sha256')
  readonly #pending: Uint8Array = new Uint8Array(GATHER)
  #filled = 0
  #written = 0
  #closed = false

  constructor(fd: number, path: string, large: DirectFile) {
    this.#fd = fd
    this.#path = path
    this.#large = large
  }

  get size(): number {
    return this.#written + this.#filled
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (this.#filled + chunk.length > GATHER) await this.flush()
    if (chunk.length < GATHER) {
      this.#sha256.update(chunk)
      this.#pending.set(chunk, this.#filled)
      this.#filled += chunk.length
      return
    }
    // A thread writes while this one hashes.
    const written = this.#writeOut(chunk, this.#large.write(chunk, this.#written))
    this.#sha256.update(chunk)
    await written
  }

  async finish(algorithm: 'sha256' | 'sha512'): Promise<Digest> {
    await this.flush()
    try {
      await syncData(this.#fd)
      fchmodSync(this.#fd, 0o444)
      // gc spares what is young: a write that took an hour is young from now on.
      const now = new Date()
      futimesSync(this.#fd, now, now)
      if (algorithm === 'sha256') return this.#sha256.digest()
      // Rare enough that reading again is cheaper than hashing everything twice.
      const sha512 = createHasher('sha512')
      await this.#readBack((bytes) => sha512.update(bytes))
      return sha512.digest()
    } catch (error) {
      throw diskError(error, 'write', this.#path)
    }
  }

  isUnchanged(): boolean {
    const own = fstatSync(this.#fd)
    const there = statSync(this.#path, { throwIfNoEntry: false })
    return there?.ino === own.ino && there.dev === own.dev && own.size === this.size
  }

  /** What was gathered stays resumable. */
  async close(): Promise<void> {
    // A descriptor's number may be another file's by the second time.
    if (this.#closed) return
    this.#closed = true
    try {
      await this.flush()
    } finally {
      this.#large.close()
      closeSync(this.#fd)
    }
  }

  /** Takes up what is in the file. */
  async resume(): Promise<void> {
    this.#written = await this.#readBack((bytes) => this.#sha256.update(bytes))
  }

  async #readBack(each: (bytes: Uint8Array) => void): Promise<number> {
    let at = 0
    for (;;) {
      const count = await readAt(this.#fd, this.#pending, GATHER, at)
      if (count === 0) return at
      each(this.#pending.subarray(0, count))
      at += count
    }
  }

  async flush(): Promise<void> {
    if (this.#filled === 0) return
    const bytes = this.#pending.subarray(0, this.#filled)
    this.#filled = 0
    await this.#writeOut(bytes, writeAt(this.#fd, bytes, this.#written))
  }

  async #writeOut(bytes: Uint8Array, writing: Promise<unknown>): Promise<void> {
    try {
      await writing
      this.#written += bytes.length
    } catch (error) {
      throw diskError(error, 'write', this.#path)
    }
  }
}
