import type { ByteStream, Call } from '#base'

/** Something that the build cache keeps: a step's result, or a cache mount. */
export interface CacheEntry {
  readonly id: string
  readonly type: 'regular' | 'exec.cachemount'
  readonly description: string
  /** Bytes on disk that it adds to what is below it and what images have. */
  readonly size: number
  /** Milliseconds since the epoch. */
  readonly created: number
  readonly used: number
  /** A build that runs now has it. */
  readonly inUse: boolean
  /** Images have all of it: forgetting it frees nothing. */
  readonly shared: boolean
  /** What it lies on. */
  readonly parents: readonly string[]
}

/** What the build cache takes. */
export interface CacheUsage {
  readonly entries: readonly CacheEntry[]
  /** Bytes on disk that no image has, each layer once. */
  readonly total: number
  readonly reclaimable: number
}

/** What goes: by default everything that is not in use and that images do not have. */
export interface CachePruning {
  /** What images have as well. */
  readonly all?: boolean
  readonly filter?: (entry: CacheEntry) => boolean
  /** Only what was not used since, milliseconds since the epoch. */
  readonly unusedSince?: number
  /** Not the most recently used ones. */
  readonly keepLast?: number
  /** Bytes: remove, the longest unused first, until so much at most is left. */
  readonly maxUsed?: number
  /** Bytes: remove until so much of the disk is free. */
  readonly minFree?: number
  /** Bytes that may be kept in any case. */
  readonly reserved?: number
}

/** What went from the build cache. */
export interface CachePruned {
  readonly entries: readonly CacheEntry[]
  /** Bytes that are free again. */
  readonly bytes: number
}

/** A cache mount as people name it. */
export interface NamedCacheMount {
  readonly id: string
  /** Where it lies, and what tells two of one id apart: any beginning of it will do for a name. */
  readonly key: string
  readonly namespace: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  readonly created: number
  readonly used: number
  readonly inUse: boolean
}

/** What a cache mount is to be, beside its id. */
export interface CacheMountImport {
  readonly namespace?: string
  /** Of its root; default what the archive says. They are part of its name. */
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
}

/** The cache mounts of the store. */
export interface CacheMountVerbs {
  list(): Promise<readonly NamedCacheMount[]>
  /** A tar of what is in it, while no step writes alone. By id, or by a beginning of the key. */
  export(name: string, options?: { readonly compression?: 'gzip' | 'zstd' }, call?: Call): Promise<ByteStream>
  /** Replaces a cache mount's contents by those of a tar, compressed or not. */
  import(id: string, tar: ByteStream, options?: CacheMountImport, call?: Call): Promise<NamedCacheMount>
  remove(name: string): Promise<void>
}
