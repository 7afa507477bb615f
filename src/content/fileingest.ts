import { rmSync } from 'node:fs'
import { fail, isCode } from '#base'
import type { ByteStream, Call } from '#base'
import { algorithmOf } from '#oci'
import type { Descriptor, Digest } from '#oci'
import { readRange } from './blobread.ts'
import { checkWritten } from './blobwrite.ts'
import type { FileSink } from './filesink.ts'
import type { PausableIngest } from './types.ts'

/** The store's part in a write: what happens at its end. */
export interface IngestPlace {
  /** `unavailable` while another process has it. */
  claim(): void
  release(): void
  publish(digest: Digest): void
}

/** A write into a file of the ingest directory. */
export class FileIngest implements PausableIngest {
  readonly #sink: FileSink
  readonly #path: string
  readonly #place: IngestPlace
  #open = true
  #paused = false

  constructor(sink: FileSink, path: string, place: IngestPlace) {
    this.#sink = sink
    this.#path = path
    this.#place = place
  }

  get offset(): number {
    return this.#sink.size
  }

  kept(call?: Call): ByteStream {
    return readRange({ path: this.#path, start: 0 }, this.offset, 0, call)
  }

  async pause(): Promise<void> {
    if (!this.#open || this.#paused) return
    await this.#sink.flush()
    this.#paused = true
    this.#place.release()
  }

  resume(): boolean {
    if (!this.#open) return false
    if (!this.#paused) return true
    this.#place.claim()
    this.#paused = false
    return this.#sink.isUnchanged()
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (!this.#open) fail('failed_precondition', 'this write has ended')
    try {
      await this.#sink.write(chunk)
    } catch (error) {
      // On a full disk the space is worth more than the resumption; else what is on disk can be taken up again.
      await (isCode(error, 'resource_exhausted') ? this.abort() : this.#end().catch(() => undefined))
      throw error
    }
  }

  async commit(mediaType: string, expected?: Pick<Descriptor, 'digest' | 'size'>): Promise<Descriptor> {
    if (!this.#open) fail('failed_precondition', 'this write has ended')
    try {
      const digest = await this.#sink.finish(expected ? algorithmOf(expected.digest) : 'sha256')
      const size = this.#sink.size
      if (expected) checkWritten(expected, { digest, size })
      this.#place.publish(digest)
      await this.#end()
      return { mediaType, digest, size }
    } catch (error) {
      await this.abort()
      throw error
    }
  }

  async abort(): Promise<void> {
    if (this.#paused) this.resume()
    await this.#end().catch(() => undefined)
    rmSync(this.#path, { force: true })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#end()
  }

  async #end(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    try {
      await this.#sink.close()
    } finally {
      if (!this.#paused) this.#place.release()
    }
  }
}
