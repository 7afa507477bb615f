import type { CgroupMode } from '#runtime'
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

/** Something that happened to a container, image or volume, under docker's names. */
export interface EngineEvent {
  /** Milliseconds since the epoch, with fractions. */
  readonly time: number
  readonly type: 'container' | 'image' | 'volume'
  /** `create`, `start`, `die`, `pull`, … */
  readonly action: string
  /** A container's ID, an image's name or ID, a volume's name. */
  readonly id: string
  /** Name, image, labels, exit code, signal, … */
  readonly attributes: Readonly<Record<string, string>>
}

/** Which events are told. Milliseconds since the epoch. */
export interface EventOptions {
  /** Default: now. Kept is what happened since somebody first asked after a boot, a megabyte at least. */
  readonly since?: number
  /** Default: until canceled. */
  readonly until?: number
}

/** What `info` tells. */
export interface SystemInfo {
  readonly root: string
  readonly run: string
  readonly running: number
  readonly paused: number
  readonly stopped: number
  readonly images: number
  /** How layers are laid out on this disk: `erofs`, `erofs-loop` or `directory`. */
  readonly layerFormat: string
  readonly cgroups: CgroupMode
  /** What containers can be limited in. */
  readonly limits: Readonly<Record<'memory' | 'swap' | 'cpu' | 'cpuset' | 'pids', boolean>>
  readonly runtimes: readonly string[]
  readonly defaultRuntime: string | undefined
  readonly init: string | undefined
  /** Root is that of a user namespace. */
  readonly rootless: boolean
  /** The kernel confines processes by AppArmor. */
  readonly appArmor: boolean
  readonly kernel: string
  readonly system: string
  readonly machine: string
  readonly processors: number
  /** Bytes. */
  readonly memory: number
  readonly hostname: string
}

/** The store as a whole, and what the machine offers it. */
export interface System {
  usage(): Promise<readonly UsageRow[]>
  details(): Promise<UsageDetails>
  prune(request?: PruneRequest, call?: Call): Promise<SystemPruned>
  /** Build cache only. */
  pruneCache(pruning?: CachePruning, call?: Call): Promise<CachePruned>
  cacheUsage(): Promise<CacheUsage>
  /** What is here, and what of the machine containers get. */
  info(): Promise<SystemInfo>
  /** What commands on this store do, as they do it. */
  events(options?: EventOptions, call?: Call): AsyncIterable<EngineEvent>
  requirements(): Promise<readonly Requirement[]>
  /** Checks everything stored against its digest; answers what is wrong, one line each. */
  check(call?: Call): Promise<readonly string[]>
}
