import type { Call } from '#base'
import type { CachePruned, CachePruning, CacheUsage } from '../cache/types.ts'
import type { ContainerState } from '../container/types.ts'
import type { ImageSummary } from '../image/types.ts'
import type { Chosen } from '../pruned.ts'

/** One line of `system df`; sizes in bytes. */
export interface UsageRow {
  readonly type: 'Images' | 'Containers' | 'Local Volumes' | 'Build Cache'
  readonly total: number
  readonly active: number
  readonly size: number
  readonly reclaimable: number
}

/** What takes the room, one by one. */
export interface UsageDetails {
  readonly images: readonly (ImageSummary & { readonly shared: number })[]
  readonly containers: readonly {
    readonly id: string
    readonly name: string
    readonly image: string
    readonly state: ContainerState
    readonly size: number
  }[]
  readonly volumes: readonly { readonly name: string; readonly users: number; readonly size: number }[]
}

/** One thing that Cairn needs of the machine. */
export interface Requirement {
  readonly name: string
  readonly state: 'ok' | 'missing' | 'degraded'
  /** What was found. */
  readonly found: string
  /** What does not work, or works worse, without it. */
  readonly cost?: string
  /** The exact command or step. */
  readonly cure?: string
}

/** What `system prune` takes beside stopped containers and dangling images. */
export interface PruneRequest {
  readonly all?: boolean
  readonly volumes?: boolean
  readonly chosen?: Chosen
  /** Build cache that was used after this stays, milliseconds since the epoch. */
  readonly unusedSince?: number
}

/** What `system prune` removed, and the bytes that came free. */
export interface SystemPruned {
  readonly containers: readonly string[]
  readonly images: readonly string[]
  readonly volumes: readonly string[]
  readonly cache: readonly string[]
  readonly bytes: number
}

/** The store as a whole, and what the machine offers it. */
export interface System {
  usage(): Promise<readonly UsageRow[]>
  details(): Promise<UsageDetails>
  prune(request?: PruneRequest, call?: Call): Promise<SystemPruned>
  /** Build cache only. */
  pruneCache(pruning?: CachePruning, call?: Call): Promise<CachePruned>
  cacheUsage(): Promise<CacheUsage>
  requirements(): Promise<readonly Requirement[]>
  /** Checks everything stored against its digest; answers what is wrong, one line each. */
  check(call?: Call): Promise<readonly string[]>
}
