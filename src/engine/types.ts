import type { Artifacts } from './artifact/types.ts'
import type { CacheMountVerbs } from './cache/types.ts'
import type { Containers } from './container/types.ts'
import type { Images } from './image/types.ts'
import type { Indexes } from './imageindex/types.ts'
import type { Networks } from './network/types.ts'
import type { Registries } from './registry/types.ts'
import type { System } from './system/types.ts'
import type { Volumes } from './volume/types.ts'

/** Where a node keeps what it remembers, and what is only true while the machine runs. */
export interface NodeOptions {
  /** Default `/var/lib/cairn`. */
  readonly root?: string
  /** Default `/run/cairn`. */
  readonly run?: string
  /** How to call ourselves again: the monitor's exit command. Default: this very program. */
  readonly self?: readonly string[]
}

/**
 * The node that remembers: images, containers, volumes, networks and the build cache of one
 * store. Opening costs nothing: every verb loads and opens the parts that it needs.
 */
export interface Node extends AsyncDisposable {
  readonly root: string
  readonly run: string
  readonly containers: Containers
  readonly images: Images
  readonly volumes: Volumes
  readonly networks: Networks
  readonly registries: Registries
  readonly cacheMounts: CacheMountVerbs
  readonly indexes: Indexes
  readonly artifacts: Artifacts
  readonly system: System
  /**
   * Instead of disposing, for a process that calls `process.exit` now: the database's log stays as it is, for a later
   * process to fold in, unless it has grown. Saves four fsyncs: closing empties the log and removes
   * it, and the next process would have to make it again.
   */
  leave(): Promise<void>
}

export type { Change } from '#snapshot'
export type { ProcessInfo } from '#sys'
export type { Exit, LogRecord, PortMapping, PortRequest, ResourceOptions, Rlimit } from '#runtime'
export type {
  Attached,
  CallerIo,
  Container,
  ContainerConfig,
  ContainerMount,
  ContainerOptions,
  ContainerState,
  Containers,
  ContainerSize,
  ContainerUsage,
  CommitOptions,
  CopyFilesOptions,
  DeviceRequest,
  Ended,
  ExecOptions,
  LogOptions,
  MountRequest,
  PullPolicy,
  RemoveOptions,
  StartOptions,
} from './container/types.ts'
export type { Chosen, Prunable, Pruned } from './pruned.ts'
export type {
  CreateIndex,
  Drafts,
  EditedIndex,
  EditIndex,
  Indexes,
  IndexSources,
  IndexTarget,
} from './imageindex/types.ts'
export type { Copied, CopyRequest } from './transport/request.ts'
export type {
  ArtifactFile,
  ArtifactPulled,
  Artifacts,
  AttachRequest,
  DiscoveredImage,
  DiscoverRequest,
  PutArtifactRequest,
} from './artifact/types.ts'
export type {
  ArchiveSource,
  BakeTarget,
  Built,
  HistoryRow,
  Images,
  ImageSummary,
  ImportOptions,
  RemovedImage,
} from './image/types.ts'
export type {
  CheckRequest,
  ManifestOptions,
  Pulled,
  PullOptions,
  Pushed,
  PushOptions,
  Registries,
  ServeRequest,
} from './registry/types.ts'
export type { Volume, Volumes } from './volume/types.ts'
export type { Networks } from './network/types.ts'
export type {
  PruneRequest,
  Requirement,
  System,
  EngineEvent,
  EventOptions,
  SystemInfo,
  SystemPruned,
  UsageDetails,
  UsageRow,
} from './system/types.ts'
