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
  const sessions = new Map<string, Session>()
  const exists = async (name: string, id: string): Promise<void> => {
    const record = ID.test(id) ? await storage.records.get(uploadKey(id)) : undefined
    if (record?.value !== name) refuse('BLOB_UPLOAD_UNKNOWN', 'no such upload; begin another')
  }
  const letGo = async (id: string, session: Session): Promise<void> => {
    clearTimeout(session.timer)
    sessions.delete(id)
    await session.upload?.close()
  }
  const turn = async <T>(id: string, work: (session: Session) => Promise<T>): Promise<T> => {
    const session = sessions.get(id) ?? { upload: undefined, tail: Promise.resolve(), waiting: 0, timer: undefined }
    sessions.set(id, session)
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
      if (session.waiting === 0 && session.upload === undefined) sessions.delete(id)
      else if (session.waiting === 0) {
        session.timer = setTimeout(() => void letGo(id, session).catch(() => undefined), IDLE_MS)
        session.timer.unref()
      }
      resolve()
    }
  }
  const use: Uploads['use'] = async (name, id, work) => {
    await exists(name, id)
    return turn(id, async (session) => {
      // It may have ended while this request stood in line.
      await exists(name, id)
      try {
        // Another server may have gone on with it between two requests.
        if (session.upload && !(await session.upload.resume())) {
          await session.upload.close()
          session.upload = undefined
        }
        session.upload ??= await storage.blobs.upload(id)
        const done = await work(session.upload)
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
  return {
    begin: async (name) => {
      const id = crypto.randomUUID()
      await storage.records.put(uploadKey(id), name)
      return id
    },
    use,
    end: async (id) => {
      const session = sessions.get(id)
      if (session) session.upload = undefined
      await storage.records.delete(uploadKey(id))
    },
    prune: async (before) => {
      let pruned = 0
      for (const { key } of await storage.records.list('upload/', { keys: true })) {
        const id = key.slice('upload/'.length)
        if (sessions.has(id) || !(await storage.records.delete(key, { before }))) continue
        await (await storage.blobs.upload(id)).abort()
        pruned++
      }
      return pruned
    },
    close: async () => {
      await Promise.all([...sessions].map(([id, session]) => letGo(id, session)))
    },
  }
}
