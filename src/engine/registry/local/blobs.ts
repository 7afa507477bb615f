import { collect, fail, type ByteStream, type Call } from '#base'
import type { ContentProvider } from '#content'
import { DOCUMENT_LIMIT, type Descriptor, type Digest } from '#oci'
import type { BlobBody, BlobStorage, ByteRange } from '#registry/server'

/** The store's blobs, and behind them those of the node's images that were looked at: read as files where there are any. */
export interface NodeBlobs extends BlobStorage {
  /** The blob will be asked for by its digest alone: from there it is read. */
  remember(blob: Descriptor, content: ContentProvider): void
  /** Copies a blob of an image into the store, should it not be there. */
  adopt(blob: Descriptor): Promise<void>
}

interface Shown {
  open(call?: Call): Promise<ByteStream>
}

/** So many are remembered; a request asks for what it has just seen. */
const REMEMBERED = 10_000

export function nodeBlobs(blobs: BlobStorage): NodeBlobs {
  const seen = new Map<Digest, Shown>()
  return {
    remember: (blob, content) => {
      seen.set(blob.digest, { open: (call) => content.open(blob, call) })
      if (seen.size > REMEMBERED) seen.delete(seen.keys().next().value!)
    },
    adopt: async (blob) => {
      if (await blobs.touch(blob.digest)) return
      const upload = await blobs.upload(`adopted ${crypto.randomUUID()}`)
      try {
        const shown = seen.get(blob.digest) ?? fail('not_found', `blob ${blob.digest} is not here`)
        for await (const chunk of await shown.open()) await upload.write(chunk)
        await upload.commit(blob.digest)
      } catch (error) {
        await upload.abort().catch(() => undefined)
        throw error
      }
    },
    read: async (blob, range, call): Promise<BlobBody> => {
      const shown = seen.get(blob.digest)
      if (!shown || (await blobs.stat(blob.digest))) return blobs.read(blob, range, call)
      return { kind: 'stream', stream: part(await shown.open(call), range) }
    },
    document: async (digest) => {
      const bytes = await blobs.document(digest)
      const shown = seen.get(digest)
      return bytes ?? (shown && collect(await shown.open(), DOCUMENT_LIMIT))
    },
    stat: (digest) => blobs.stat(digest),
    put: (d, bytes) => blobs.put(d, bytes),
    upload: (id) => blobs.upload(id),
    touch: (digest) => blobs.touch(digest),
    removeUnused: (digest, before) => blobs.removeUnused(digest, before),
    list: (call) => blobs.list(call),
  }
}

/** A range of bytes that are made as they are read. To their very end when that is asked for: only then are they proved. */
async function* part(stream: ByteStream, { start, end }: ByteRange): AsyncGenerator<Uint8Array, void, void> {
  let at = 0
  for await (const chunk of stream) {
    const piece = chunk.subarray(Math.max(0, start - at), Math.max(0, end - at))
    at += chunk.length
    if (piece.length > 0) yield piece
    if (at > end) return
  }
}
