import type { ByteStream, Call } from '#base'
import type { RemoteFiles } from '#build'
import type { Descriptor, Digest, History } from '#oci'
import type { LockChange } from '../lock/types.ts'
import type { Chosen, Pruned } from '../pruned.ts'
import type { Pulled, PullOptions, Pushed, PushOptions } from '../registry/types.ts'
import type { Copied, CopyRequest } from '../transport/request.ts'
import type { BuildQuestions } from '../build/call.ts'
import type { BuildRequest } from '../build/request.ts'
import type { Verification } from '../build/verification.ts'

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

/** One line of `history`, the youngest first. */
export interface HistoryRow {
  readonly id: Digest | undefined
  readonly created: number | undefined
  readonly createdBy: string
  readonly comment: string
  readonly size: number
  readonly history: History
}

/** What `rmi` did: names that went, and documents that went with the last of them. */
export interface RemovedImage {
  readonly untagged: readonly string[]
  readonly deleted: readonly string[]
}

/** What an imported root file system is called, and the config it gets. */
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

/** What a build made, and where it is. */
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

/** The images of the store. Where a verb takes a `ref` it is a name, an ID or the beginning of one. */
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
  /** Fetches what a URL or repository holds, while `work` reads its files; nothing is built. */
  remoteFiles<T>(
    options: Pick<BuildRequest, 'context' | 'secrets' | 'ssh'>,
    work: (files: RemoteFiles) => Promise<T>,
    call?: Call,
  ): Promise<T>
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
  prune(options?: { readonly all?: boolean; readonly chosen?: Chosen }, call?: Call): Promise<Pruned>
}
