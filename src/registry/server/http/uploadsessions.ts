import type { BlobUpload, RegistryStorage } from '../types.ts'
import { refuse } from './refusal.ts'

/** An upload's file and hash state stay open this long after its last request. */
const IDLE_MS = 30_000

/**
 * Uploads under way. What they are is in the storage, so another server (or this one after a
 * crash) takes them up; what is open is kept for a while, so that chunks are hashed once.
 */
export interface Uploads {
  /** Begins an upload to a repository; returns its id. */
  begin(name: string): Promise<string>
  /**
   * Works on an upload, one request at a time; BLOB_UPLOAD_UNKNOWN when the repository has none of
   * this id. `work` says whether the upload has ended.
   */
  use<T>(name: string, id: string, work: (upload: BlobUpload) => Promise<T>): Promise<T>
  /** Forgets the upload: it was committed or aborted. */
  end(id: string): Promise<void>
  /** Ends uploads untouched since `before` (ms since the epoch); returns how many. */
  prune(before: number): Promise<number>
  close(): Promise<void>
}

interface Session {
  upload: BlobUpload | undefined
  /** Resolves when the last request in line has finished. */
  tail: Promise<void>
  waiting: number
  timer: ReturnType<typeof setTimeout> | undefined
}

const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const uploadKey = (id: string): string => `upload/${id}`

export function openUploads(storage: RegistryStorage): Uploads {
  return new UploadSessions(storage)
}

class UploadSessions implements Uploads {
  readonly #storage: RegistryStorage
  readonly #sessions = new Map<string, Session>()

  constructor(storage: RegistryStorage) {
    this.#storage = storage
  }

  async begin(name: string): Promise<string> {
    const id = crypto.randomUUID()
    await this.#storage.records.put(uploadKey(id), name)
    return id
  }

  async use<T>(name: string, id: string, work: (upload: BlobUpload) => Promise<T>): Promise<T> {
    await this.#checkExists(name, id)
    return this.#inTurn(id, async (session) => {
      // It may have ended while this request stood in line.
      await this.#checkExists(name, id)
      try {
        const done = await work(await this.#opened(id, session))
        // It may have ended.
        await session.upload?.pause()
        return done
      } catch (error) {
        // A write that failed has closed the upload: the next request opens what is on the disk.
        const broken = session.upload
        session.upload = undefined
        await broken?.close().catch(() => undefined)
        throw error
      }
    })
  }

  async end(id: string): Promise<void> {
    const session = this.#sessions.get(id)
    if (session) session.upload = undefined
    await this.#storage.records.delete(uploadKey(id))
  }

  async prune(before: number): Promise<number> {
    const { records, blobs } = this.#storage
    let pruned = 0
    for (const { key } of await records.list(uploadKey(''), { keys: true })) {
      const id = key.slice(uploadKey('').length)
      if (this.#sessions.has(id) || !(await records.delete(key, { before }))) continue
      await (await blobs.upload(id)).abort()
      pruned++
    }
    return pruned
  }

  async close(): Promise<void> {
    await Promise.all([...this.#sessions].map(([id, session]) => this.#letGo(id, session)))
  }

  async #checkExists(name: string, id: string): Promise<void> {
    const record = ID.test(id) ? await this.#storage.records.get(uploadKey(id)) : undefined
    if (record?.value !== name) refuse('BLOB_UPLOAD_UNKNOWN', 'no such upload; begin another')
  }

  async #opened(id: string, session: Session): Promise<BlobUpload> {
    // Another server may have gone on with it between two requests.
    if (session.upload && !(await session.upload.resume())) {
      await session.upload.close()
      session.upload = undefined
    }
    return (session.upload ??= await this.#storage.blobs.upload(id))
  }

  /** Runs `work` when the requests before it in line have finished. */
  async #inTurn<T>(id: string, work: (session: Session) => Promise<T>): Promise<T> {
    const session = this.#session(id)
    clearTimeout(session.timer)
    session.waiting++
    const before = session.tail
    const { promise, resolve } = Promise.withResolvers<void>()
    session.tail = promise
    await before
    try {
      return await work(session)
    } finally {
      session.waiting--
      if (session.waiting === 0) this.#rest(id, session)
      resolve()
    }
  }

  #session(id: string): Session {
    const session = this.#sessions.get(id) ?? {
      upload: undefined,
      tail: Promise.resolve(),
      waiting: 0,
      timer: undefined,
    }
    this.#sessions.set(id, session)
    return session
  }

  /** Nobody is in line: what is open stays so for a while. */
  #rest(id: string, session: Session): void {
    if (session.upload === undefined) return void this.#sessions.delete(id)
    session.timer = setTimeout(() => void this.#letGo(id, session).catch(() => undefined), IDLE_MS)
    session.timer.unref()
  }

  async #letGo(id: string, session: Session): Promise<void> {
    clearTimeout(session.timer)
    this.#sessions.delete(id)
    await session.upload?.close()
  }
}
