import type { Digest } from '#oci'

/**
 * What the sources of a build were when somebody last looked: the same build reads the same again, wherever the names
 * lead by then. docs/formats/lock.md
 */
export interface SourceLock {
  /** By reference as written, then by platform: the digest of a manifest, or of the index that leads to it. */
  readonly images: Readonly<Record<string, Readonly<Record<string, Digest>>>>
  /** By `URL#ref`: the commit. */
  readonly git: Readonly<Record<string, string>>
  /** By URL: what it held. */
  readonly http: Readonly<Record<string, Digest>>
}

/** How a build uses a lock file. */
export interface LockRequest {
  readonly file: string
  /** `write`: what is not in it is added. `enforce`: what is not in it is refused. */
  readonly mode: 'write' | 'enforce'
}

/** One entry that means something else now. */
export interface LockChange {
  readonly kind: keyof SourceLock
  readonly name: string
  readonly platform?: string
  readonly before: string
  /** Absent when it cannot be found any more. */
  readonly after?: string
}
