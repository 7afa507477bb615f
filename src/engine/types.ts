import type { Readable, Writable } from 'node:stream'
import type { ByteStream, Call } from '#base'
import type { Descriptor, Digest, History } from '#oci'
import type { RemoteDocument, StoredLogin } from '#registry/client'
import type {
  CheckReport,
  CheckResult,
  Collected,
  RegistryConfig,
  RunningRegistry,
  StorageConfig,
} from '#registry/server'
import type { Artifacts } from './artifact/types.ts'
import type { ContainerState, Containers } from './container/types.ts'
import type { BuildQuestions } from './image/buildcall.ts'
import type { BuildRequest } from './image/buildrequest.ts'
import type { LockChange } from './lock/types.ts'
import type { Verification } from './image/verification.ts'
import type { Indexes } from './imageindex/types.ts'
import type { CacheMountVerbs, CachePruned, CachePruning, CacheUsage } from './cache/types.ts'
import type { Pruned } from './pruned.ts'
import type { Copied, CopyRequest } from './transport/request.ts'

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

/** One image as `images` lists it. */
export interface ImageSummary {
  /** Digest of the config: Docker's image ID. */
  readonly id: Digest
  /** Digest of the manifest or index that the names point to. */
  readonly digest: Digest
  /** Full names with tags, familiar form (`debian:12`). */
  readonly names: readonly string[]
  /** Milliseconds since the epoch: when it was made, as the image says, or when it came here. */
  readonly created: number
  /** Bytes of the uncompressed layers. */
  readonly size: number
  readonly labels: Readonly<Record<string, string>>
  readonly containers: number
}

export interface HistoryRow {
  readonly id: Digest | undefined
  readonly created: number | undefined
  readonly createdBy: string
  readonly comment: string
  readonly size: number
  readonly history: History
}

export interface RemovedImage {
  readonly untagged: readonly string[]
  readonly deleted: readonly string[]
}

export interface ImportOptions {
  readonly name?: string
  readonly message?: string
  /** Dockerfile instructions (`CMD ["sh"]`, `ENV A=b`). */
  readonly changes?: readonly string[]
}

/** One of several builds. */
export interface BakeTarget {
  readonly request: BuildRequest
  /** Names of contexts that stand for other targets' results. */
  readonly links: Readonly<Record<string, string>>
}

export interface Built {
  /** Digest of the config. */
  readonly id: Digest
  /** Of the image or index as the outside has it: pushed or archived, else the local one. */
  readonly digest: Digest
  readonly descriptor: Descriptor
  /** As people write them. */
  readonly names: readonly string[]
  /** In full: `docker.io/library/app:latest`. */
  readonly references: readonly string[]
  /** Names this build among all. */
  readonly ref: string
  /** SLSA v1 predicates by platform, where provenance was asked for. */
  readonly provenance?: Readonly<Record<string, object>>
}

/** Where an archive is read: a file can be read in parallel and twice, a stream once. */
export type ArchiveSource = { readonly file: string } | { readonly directory: string } | { readonly stream: ByteStream }

export interface Images {
  list(options?: { readonly all?: boolean }): Promise<readonly ImageSummary[]>
  /** Docker-shaped. */
  inspect(ref: string): Promise<object>
  history(ref: string): Promise<readonly HistoryRow[]>
  tag(ref: string, name: string): Promise<void>
  remove(ref: string, options?: { readonly force?: boolean }, call?: Call): Promise<RemovedImage>
  /**
   * A tar that `docker load`, `podman load` and `skopeo` accept: OCI layout and docker-archive in one. Of indexes
   * everything that is there, or the image for one platform. Names as `copy` takes them, too.
   */
  save(refs: readonly string[], options?: { readonly platform?: string }, call?: Call): Promise<ByteStream>
  /** Names (or IDs, where there is no name) of what was loaded; of indexes the image for one platform, if it is given. */
  load(archive: ArchiveSource, options?: { readonly platform?: string }, call?: Call): Promise<readonly string[]>
  import(tar: ByteStream, options?: ImportOptions, call?: Call): Promise<Digest>
  build(request: BuildRequest, call?: Call): Promise<Built>
  /** Builds several at once; what they share is done once. Targets come behind those that they read. */
  bake(targets: ReadonlyMap<string, BakeTarget>, calls: (target: string) => Call): Promise<ReadonlyMap<string, Built>>
  /** Asks again what the names in a lock file mean; answers what changed, and writes it unless `check` is set. */
  updateLock(file: string, options?: { readonly check?: boolean }, call?: Call): Promise<readonly LockChange[]>
  /** Builds an image again from its provenance, and compares. */
  verifyImage(name: string, given?: Partial<BuildRequest>, call?: Call): Promise<Verification>
  /** Builds twice, the second time elsewhere and from nothing, and compares. Names nothing. */
  verify(request: BuildRequest, call?: Call): Promise<Verification>
  /** What can be asked about a Dockerfile without building it. */
  questions(): Promise<BuildQuestions>
  pull(ref: string, options?: PullOptions, call?: Call): Promise<readonly Pulled[]>
  push(ref: string, options?: PushOptions, call?: Call): Promise<readonly Pushed[]>
  /** Between any two places: registries, layouts, archives, daemons, the store. Digests stay. */
  copy(request: CopyRequest, call?: Call): Promise<readonly Copied[]>
  prune(options?: { readonly all?: boolean }, call?: Call): Promise<Pruned>
}

export interface PullOptions {
  /** Of an index, the image for this platform instead of the host's: `linux/arm64`. */
  readonly platform?: string
  /** Every tag of the repository. */
  readonly all?: boolean
  /** What refers to the image comes with it: signatures, SBOMs, attestations. */
  readonly referrers?: boolean
  /** Layers under way at once. Default 2 to 4, as the machine has processors. */
  readonly jobs?: number
}

export interface Pulled {
  /** As people write it: `debian:12`. */
  readonly name: string
  /** The whole name. */
  readonly reference: string
  /** What the name means in the registry: the digest of a manifest or index. */
  readonly digest: Digest
  /** Digest of the config. */
  readonly id: Digest
  /** False when the name meant this very image here already. */
  readonly changed: boolean
}

export interface PushOptions {
  /** Every tag that the repository has here. */
  readonly all?: boolean
  /** Of an index, the image for this platform alone, by its own manifest. */
  readonly platform?: string
  /** What refers to the image goes with it. */
  readonly referrers?: boolean
  /** Blobs under way at once. Default 4. */
  readonly jobs?: number
}

export interface Pushed {
  readonly name: string
  readonly tag: string
  /** Of the manifest or index as the registry has it. */
  readonly digest: Digest
  /** Bytes of that. */
  readonly size: number
  /** The index that this image is a part of, when its other images are not here and so were not pushed. */
  readonly partOf?: Digest
}

/**
 * A registry's configuration, and where it keeps everything: `local` is the node's own images (default: a directory
 * under the node's root, apart from them).
 */
export interface ServeRequest extends RegistryConfig {
  readonly storage?: StorageConfig | { readonly kind: 'local' }
}

export interface ManifestOptions {
  readonly insecure?: boolean
  /** Instead of what the name means, this document of the same place. */
  readonly entry?: Descriptor
}

/** Which registry is to be checked: with this machine's logins and certificates. */
export interface CheckRequest {
  /** `https://registry.example`; without a scheme plain HTTP. */
  readonly url: string
  /** Two repositories that may be written to. Default `cairn-check/one` and `cairn-check/two`. */
  readonly repositories?: readonly [string, string]
}

/** Registries as such; images come and go by {@link Images.pull} and {@link Images.push}. */
export interface Registries {
  /** Tries the credential, then stores it where other tools find it. `unauthenticated` when it is refused. */
  login(
    server: string,
    credential: { readonly username: string; readonly password: string },
    call?: Call,
  ): Promise<StoredLogin>
  /** False when there was no login. */
  logout(server: string, call?: Call): Promise<boolean>
  /** Forgets every login; answers the servers. */
  logoutAll(call?: Call): Promise<readonly string[]>
  tags(repository: string, call?: Call): AsyncIterable<string>
  /** The manifest or index behind a name, as its registry (or a layout, an archive, the store) has it. */
  manifest(name: string, options?: ManifestOptions, call?: Call): Promise<RemoteDocument>
  /** Serves until it is stopped. */
  serve(request: ServeRequest, call?: Call): Promise<RunningRegistry>
  /** Removes from a registry's storage what it no longer needs, as its servers do from time to time. */
  collect(request: ServeRequest, call?: Call): Promise<Collected>
  /** Serves this node's images over two pipes until the first ends: what is at the other end of `ssh://`. */
  serveStdio(input: Readable, output: Writable): Promise<void>
  /** Checks a registry against the distribution-spec. It writes to two repositories of its own. */
  check(request: CheckRequest, onResult?: (result: CheckResult) => void, call?: Call): Promise<CheckReport>
}

export interface Volume {
  readonly name: string
  readonly path: string
  readonly created: number
  readonly labels: Readonly<Record<string, string>>
  readonly anonymous: boolean
}

export interface Volumes {
  create(name?: string, labels?: Readonly<Record<string, string>>): Promise<Volume>
  get(name: string): Promise<Volume>
  /** Docker-shaped. */
  inspect(name: string): Promise<object>
  list(): Promise<readonly (Volume & { readonly users: number })[]>
  remove(name: string, options?: { readonly force?: boolean }): Promise<void>
  /** Volumes that no container uses: anonymous ones, or all. */
  prune(options?: { readonly all?: boolean }): Promise<Pruned>
}

export interface Networks {
  list(): Promise<readonly { readonly id: string; readonly name: string; readonly driver: string }[]>
}

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

export interface PruneRequest {
  readonly all?: boolean
  readonly volumes?: boolean
}

export interface SystemPruned {
  readonly containers: readonly string[]
  readonly images: readonly string[]
  readonly volumes: readonly string[]
  readonly cache: readonly string[]
  readonly bytes: number
}

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

export type { Exit, LogRecord, PortMapping, PortRequest } from '#runtime'
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
  DeviceRequest,
  Ended,
  ExecOptions,
  LogOptions,
  MountRequest,
  PullPolicy,
  RemoveOptions,
  Resources,
  StartOptions,
  Ulimit,
} from './container/types.ts'
export type { Pruned } from './pruned.ts'
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
