import type { Call } from '#base'
import type { Digest } from '#oci'
import type { Repositories } from '../repositories.ts'
import type { RegistryStorage } from '../types.ts'
import type { BodyLimits } from './body.ts'
import type { Uploads } from './uploadsessions.ts'

/** Which references of a pushed document must be there: `images` lets an index be sparse. */
export type ReferencePolicy = 'all' | 'images' | 'none'

/** Something that happened to a repository; sent to webhooks and counted. */
export interface RegistryEvent {
  readonly action: 'push' | 'pull' | 'delete' | 'mount'
  readonly kind: 'manifest' | 'blob' | 'tag'
  readonly repository: string
  readonly digest?: Digest
  readonly tag?: string
  readonly mediaType?: string
  readonly size?: number
  readonly user?: string
}

/** What the handlers work with; put together once by `serveRegistry`. */
export interface Service {
  readonly storage: RegistryStorage
  readonly repositories: Repositories
  readonly uploads: Uploads
  /** Bytes of manifests by digest, bounded. */
  readonly documents: DocumentCache
  readonly references: ReferencePolicy
  readonly bodyLimits: BodyLimits
  /** Largest manifest in bytes. */
  readonly manifestLimit: number
  /** Whether this repository's tag must never move once set. */
  immutable(name: string, tag: string): boolean
  /** Throws DENIED when so many more bytes exceed a quota. */
  checkQuota(name: string, bytes: number): Promise<void>
  /** Whether the repository is another registry's, cached here: nobody pushes to it. */
  cached(name: string): boolean
  /** Fetches what is missing from an upstream; false when no upstream has it. */
  fetchManifest(name: string, reference: string, call: Call): Promise<Digest | undefined>
  fetchBlob(name: string, digest: Digest): Promise<boolean>
  notify(event: RegistryEvent): void
}

/** One request on its way through the handlers. */
export interface Exchange {
  readonly request: Request
  readonly url: URL
  readonly user?: string
  readonly call: Call
  /** Whether the caller may do this in another repository: mounts ask. */
  may(action: 'pull' | 'push' | 'delete', name: string): boolean
  /** Works on something that may take longer than a connection may be idle. */
  patiently<T>(work: () => Promise<T>): Promise<T>
}

/** Least recently used bytes, up to a sum. */
export interface DocumentCache {
  get(digest: Digest): Uint8Array | undefined
  set(digest: Digest, bytes: Uint8Array): void
}

export function documentCache(limit: number): DocumentCache {
  const held = new Map<Digest, Uint8Array>()
  let size = 0
  return {
    get: (digest) => {
      const bytes = held.get(digest)
      if (bytes) {
        held.delete(digest)
        held.set(digest, bytes)
      }
      return bytes
    },
    set: (digest, bytes) => {
      if (held.has(digest) || bytes.length > limit) return
      held.set(digest, bytes)
      size += bytes.length
      for (const [oldest, old] of held) {
        if (size <= limit) break
        held.delete(oldest)
        size -= old.length
      }
    },
  }
}
