import { CairnError, collect, fail, isCode } from '#base'
import type { ByteStream, Call } from '#base'
import { verified } from '#codec'
import type { Descriptor } from '#oci'
import { answerError } from '../transport/answer.ts'
import { discard, release } from '../transport/body.ts'
import { backOff } from '../transport/retry.ts'
import { pushScope } from './place.ts'
import type { Place } from './place.ts'
import { replayable } from './replay.ts'
import type { Replay } from './replay.ts'
import { beginUpload, cancelUpload, finishUpload, postBlob, sessionOf, uploadOffset } from './session.ts'
import type { UploadSession } from './session.ts'

/** Blobs up to this many bytes are held whole and sent in one PUT. */
const SMALL = 1 << 20
/** Bytes kept for sending again: more than the sockets on the way hold. */
const WINDOW = 8 << 20
/** Bytes per PATCH after a registry (or the proxy before it) has refused a body as too large. */
const CAUTIOUS_CHUNK = 8 << 20

/**
 * Uploads a blob, verified on its way: nothing is committed that is not `d`. `begun` is a session
 * that a mount left behind.
 */
export async function uploadBlob(
  place: Place,
  d: Descriptor,
  bytes: ByteStream,
  begun: UploadSession | undefined,
  call?: Call,
): Promise<void> {
  if (d.size <= SMALL) return uploadSmall(place, d, await collect(verified(bytes, d), SMALL), begun, call)
  let session: UploadSession
  try {
    session = begun ?? (await beginUpload(place, call))
  } catch (error) {
    await release(bytes)
    throw error
  }
  await uploadStream(place, d, replayable(verified(bytes, d), WINDOW), session, call)
}

async function uploadSmall(
  place: Place,
  d: Descriptor,
  bytes: Uint8Array,
  begun: UploadSession | undefined,
  call?: Call,
): Promise<void> {
  let session = begun
  for (let attempt = 1; ; attempt++) {
    try {
      session ??= await beginUpload(place, call)
      return await finishUpload(place, session, d.digest, bytes, call)
    } catch (error) {
      const sessionless = !session && (isCode(error, 'unimplemented') || isCode(error, 'invalid_argument'))
      if (sessionless && (await postBlob(place, d.digest, bytes, call))) return
      // The bytes were verified here: if the registry sees others, they met the half of a body that broke.
      const passing = isCode(error, 'unavailable') || isCode(error, 'data_loss')
      if (sessionless || attempt > place.resumes || !passing) throw error
      // That half may lie in the old upload: a new one is sure.
      session = undefined
      await backOff(attempt, place.retry, call?.signal)
    }
  }
}

async function uploadStream(
  place: Place,
  d: Descriptor,
  replay: Replay,
  begun: UploadSession,
  call?: Call,
): Promise<void> {
  const upload = new Upload(place, d, replay, begun, call)
  try {
    await upload.send()
    await replay.finish()
    await finishUpload(place, upload.session, d.digest, undefined, call)
  } catch (error) {
    await cancelUpload(place, upload.session)
    throw replay.sourceError ?? error
  } finally {
    await replay.close()
  }
}

class Upload {
  readonly #place: Place
  readonly #d: Descriptor
  readonly #replay: Replay
  readonly #call: Call | undefined
  #chunkBytes: number
  #offset = 0
  session: UploadSession

  constructor(place: Place, d: Descriptor, replay: Replay, session: UploadSession, call: Call | undefined) {
    this.#place = place
    this.#d = d
    this.#replay = replay
    this.#call = call
    this.session = session
    this.#chunkBytes = place.chunkBytes ?? Number.POSITIVE_INFINITY
  }

  /** All bytes, by as many PATCHes as it takes; ends when the registry has the last. */
  async send(): Promise<void> {
    let failures = 0
    let furthest = 0
    while (this.#offset < this.#d.size) {
      const problem = await this.#patch()
      if (!problem) continue
      if (this.#replay.sourceError !== undefined) throw this.#replay.sourceError
      if (this.#offset > furthest) failures = 0
      furthest = Math.max(furthest, this.#offset)
      if (++failures > this.#place.resumes) throw problem
      await backOff(failures, this.#place.retry, this.#call?.signal)
      await this.#locate(problem)
    }
  }

  /** One PATCH. Returns what stood in its way when going on makes sense; throws otherwise. */
  async #patch(): Promise<CairnError | undefined> {
    const start = this.#offset
    const chunk = Math.max(this.#chunkBytes, this.session.minChunk)
    const length = Math.min(chunk, this.#d.size - start)
    const headers: Record<string, string> = { 'content-type': 'application/octet-stream' }
    // Whole in one request: as Docker does it, which every registry takes.
    if (length < this.#d.size) headers['content-range'] = `${start}-${start + length - 1}`
    const request = {
      method: 'PATCH',
      path: this.session.location,
      headers,
      body: this.#replay.from(start, length),
      length,
      scope: pushScope(this.#place),
      once: true,
    } as const
    let response: Response
    try {
      response = await this.#place.registry.send(request, this.#call)
    } catch (error) {
      if (isCode(error, 'unavailable')) return error
      throw error
    }
    if (response.status === 202 || response.status === 201 || response.status === 204) {
      await discard(response)
      this.session = await sessionOf(this.#place, response, this.session)
      this.#offset = start + length
      return undefined
    }
    const error = await answerError({ ...request, url: this.session.location }, response)
    if (response.status === 413 && this.#chunkBytes > CAUTIOUS_CHUNK) this.#chunkBytes = CAUTIOUS_CHUNK
    else if (![401, 408, 409, 416, 429].includes(response.status) && response.status < 500) throw error
    return error
  }

  /** Finds out how much the registry has, and whether the rest can still be sent. */
  async #locate(problem: CairnError): Promise<void> {
    const known = await uploadOffset(this.#place, this.session, this.#call)
    if (known) this.session = known.session
    else if (this.#replay.earliest === 0) this.session = await beginUpload(this.#place, this.#call)
    const offset = known?.offset ?? 0
    if (offset < this.#replay.earliest || offset > this.#d.size)
      fail('unavailable', `the upload of ${this.#d.digest} broke and cannot go on: ${problem.message}`, {
        cause: problem,
      })
    this.#offset = offset
  }
}
