import type { Call } from '#base'
import type { Digest } from '#oci'
import type { CacheSharing } from '../dockerfile/runmount.ts'

/** What tells one cache mount from another. Which step, build or context uses it does not matter. */
export interface CacheMountName {
  readonly id: string
  readonly namespace: string
  /** Of what it began with (`from=`). */
  readonly seed?: Digest
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/** A cache mount as it is on disk. */
export interface CacheMountInfo extends CacheMountName {
  /** 32 hex digits of the digest of its name: its directory. */
  readonly key: string
  /** Its directories: the shared one first, then those that private use has made. */
  readonly paths: readonly string[]
  /** Milliseconds since the epoch. */
  readonly created: number
  readonly used: number
  /** Some step has it mounted now. */
  readonly inUse: boolean
}

/** A directory that belongs to a step, shared or alone, until it is disposed. */
export interface HeldCacheMount extends Disposable {
  readonly path: string
}

export interface AcquireOptions {
  readonly sharing: CacheSharing
  /** Makes what a new one begins with, in an empty directory. */
  readonly fill?: (directory: string) => Promise<void>
  /** Where a new one is made before it is seen: on the same file system. */
  readonly workDir: string
}

/**
 * Directories that outlive the builds that use them: `cachemounts/` of the store (docs/formats/store.md). Held by
 * flock, so that processes share them as the steps' `sharing` says, and a killed one holds nothing.
 */
export interface CacheMounts {
  acquire(name: CacheMountName, options: AcquireOptions, call?: Call): Promise<HeldCacheMount>
  list(): CacheMountInfo[]
  /** Puts a directory, which must be on the same file system, in a cache mount's place; false when that is in use. */
  replace(name: CacheMountName, directory: string): boolean
  /** Deletes it with all that is in it; false when it is in use or gone. */
  remove(key: string): boolean
  /** Deletes what processes that were killed left half made or half removed. */
  sweep(): void
}
