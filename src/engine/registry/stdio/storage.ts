import { CairnError, isCode, messageOf, type ByteStream, type Call } from '#base'
import type { Lease } from '#content'
import { MediaType, type Descriptor, type Digest } from '#oci'
import { openDirectoryStorage, type BlobInfo, type BlobStorage, type RegistryStorage } from '#registry/server'
import { distantLayers } from '../../image/distant.ts'
import { recompressed, recompressedSize } from '../../pack/layerforms.ts'
import type { Parts } from '../../parts.ts'

/**
 * A node's store as the storage of a registry: its blobs, the tars inside its layers' files, layers that were
 * compressed for a registry, compressed again, and those whose blobs are where they came from. What is written or asked for is the lease's.
 */
export async function nodeStorage(parts: Parts, lease: Lease): Promise<RegistryStorage> {
  const base = openDirectoryStorage({ root: parts.paths.root, database: parts.paths.database, shared: true })
  const derived = await derivedBlobs(parts)
  const { blobs } = base
  const more: BlobStorage = {
    stat: async (digest) => (await blobs.stat(digest)) ?? derived.stat(digest),
    read: async (blob, range, call) => {
      if (await blobs.stat(blob.digest)) return blobs.read(blob, range, call)
      return { kind: 'stream', stream: cut(await derived.open(blob, range.start, call), range.end - range.start) }
    },
    document: (digest) => blobs.document(digest),
    put: (d: Descriptor, bytes) => {
      lease.add(d.digest)
      return blobs.put(d, bytes)
    },
    upload: async (id) => {
      const upload = await blobs.upload(id)
      return {
        get offset() {
          return upload.offset
        },
        write: (chunk) => upload.write(chunk),
        pause: () => upload.pause(),
        resume: () => upload.resume(),
        commit: (digest) => {
          // Before it can be seen: gc takes what nobody holds.
          lease.add(digest)
          return upload.commit(digest)
        },
        abort: () => upload.abort(),
        close: () => upload.close(),
      }
    },
    touch: async (digest) => {
      lease.add(digest)
      return (await blobs.touch(digest)) || derived.stat(digest) !== undefined
    },
    removeUnused: async () => false,
    // eslint-disable-next-line require-yield
    list: async function* () {
      // The node's own gc judges them.
    },
  }
  return {
    ...base,
    blobs: more,
    now: () => base.now(),
    check: () => base.check(),
    [Symbol.asyncDispose]: () => base[Symbol.asyncDispose](),
  }
}

interface Derived {
  stat(digest: Digest): BlobInfo | undefined
  open(blob: BlobInfo, offset: number, call?: Call): Promise<ByteStream>
}

/** Blobs that are not files of their own: the tars of layers, plain and compressed. */
async function derivedBlobs(parts: Parts): Promise<Derived> {
  const [layers, made, distant] = await Promise.all([parts.layers(), recompressed(parts), distantLayers(parts)])
  return {
    stat: (digest) => {
      const size = layers.stat(digest)?.tarSize ?? recompressedSize(parts, digest) ?? distant.stat(digest)?.size
      return size === undefined ? undefined : { digest, size }
    },
    open: async (blob, offset, call) => {
      const d = { mediaType: MediaType.ociLayer, ...blob }
      if (layers.stat(blob.digest)) return layers.open(d, { ...call, offset })
      if (await made.has(d, call)) return skip(await made.open(d, call), offset)
      return distant.open(d, { ...call, offset }).catch((error: unknown) => {
        // Absent, not out of order: the other end then takes the layer's tar, and does not ask again.
        throw isCode(error, 'unavailable') ? new CairnError('not_found', messageOf(error)) : error
      })
    },
  }
}

async function* skip(bytes: ByteStream, count: number): AsyncGenerator<Uint8Array, void, void> {
  let left = count
  for await (const chunk of bytes) {
    if (left < chunk.length) yield chunk.subarray(left)
    left = Math.max(0, left - chunk.length)
  }
}

async function* cut(bytes: ByteStream, count: number): AsyncGenerator<Uint8Array, void, void> {
  let left = count
  for await (const chunk of bytes) {
    if (left > 0) yield chunk.subarray(0, left)
    left -= chunk.length
    if (left <= 0) return
  }
}
