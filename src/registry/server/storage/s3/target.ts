import { collect, fail } from '#base'
import { verified } from '#codec'
import type { Target } from '#content'
import { algorithmOf, asDescriptor, DOCUMENT_LIMIT, hexOf, parseJson } from '#oci'
import type { Descriptor, Digest } from '#oci'
import { s3Client } from './client.ts'
import type { S3ClientOptions } from './send.ts'
import { openS3Upload } from './upload.ts'

export interface S3TargetOptions extends S3ClientOptions {
  /** Before every key; empty, or ending in a slash. */
  readonly prefix?: string
  /** Where blobs are, below the prefix. Default `blobs/`. */
  readonly blobs?: string
  /** Where names are, below the prefix. Default `manifests/`. */
  readonly manifests?: string
}

/** Bytes of a blob that is sent in one piece. */
const SMALL = 8 << 20

/**
 * Content with names in an S3-compatible object store: blobs by their digests, each name an object that holds the
 * descriptor it stands for. Nothing is ever collected: a lifecycle rule of the bucket may.
 */
export function openS3Target(options: S3TargetOptions): Target {
  const client = s3Client(options)
  const { prefix = '', blobs = 'blobs/', manifests = 'manifests/' } = options
  const blobKey = (digest: Digest): string => `${prefix}${blobs}${algorithmOf(digest)}/${hexOf(digest)}`
  const nameKey = (name: string): string => `${prefix}${manifests}${name}`
  return {
    has: async ({ digest, size }) => (await client.head(blobKey(digest)))?.size === size,
    open: async (d, call) => {
      const { offset = 0, verify = true } = call ?? {}
      if (offset >= d.size && d.size > 0) return (async function* (): AsyncGenerator<Uint8Array, void, void> {})()
      const range = offset === 0 ? undefined : { start: offset, end: d.size }
      const object =
        (await client.get(blobKey(d.digest), range)) ?? fail('not_found', `no blob ${d.digest} in the bucket`)
      return offset === 0 && verify ? verified(object.body, d) : object.body
    },
    put: async (d, bytes, call) => {
      const key = blobKey(d.digest)
      if (d.size <= SMALL) {
        const whole = await collect(verified(bytes, d), d.size)
        await client.put(key, whole)
        return
      }
      const upload = await openS3Upload(client, `${prefix}uploads/${crypto.randomUUID()}/`, (digest, place) =>
        digest === d.digest ? place(key) : fail('data_loss', `${d.digest} does not name these bytes`),
      )
      try {
        for await (const chunk of verified(bytes, d)) {
          call?.signal?.throwIfAborted()
          await upload.write(chunk)
        }
        await upload.commit(d.digest)
      } catch (error) {
        await upload.abort()
        throw error
      }
    },
    resolve: async (name) => {
      const object = (await client.get(nameKey(name))) ?? fail('not_found', `no ${name} in the bucket`)
      return asDescriptor(parseJson(await collect(object.body, DOCUMENT_LIMIT), name), name)
    },
    tag: async ({ mediaType, digest, size }: Descriptor, name) => {
      await client.put(nameKey(name), new TextEncoder().encode(JSON.stringify({ mediaType, digest, size })))
    },
  }
}
