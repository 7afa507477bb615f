import type { SharedWork } from './solver/shared.ts'
import type { Call, SourceLocation } from '#base'
import type { ContentStore, Database, Lease } from '#content'
import type { OpenedImage } from '#image'
import type { Descriptor, Digest, Platform } from '#oci'
import type { Runtime } from '#runtime'
import type { LayerStore, Snapshotter, Differ } from '#snapshot'
import type { CacheMounts } from './cachemount/types.ts'
import type { CacheOptions } from './options/cache.ts'
import type { ContextOptions } from './options/context.ts'
import type { LanguageOptions } from './options/language.ts'
import type { ResultOptions } from './options/result.ts'
import type { StepOptions } from './options/step.ts'
import type { ProvenanceOptions } from './provenance/types.ts'
import type { Given, SolvedBuild } from './remembered/types.ts'
import type { RemoteLayer } from './remotecache/open.ts'
import type { CacheContents, CacheMode } from './remotecache/types.ts'

/**
 * A build is a graph of operations solved with a content-addressed cache.
 *
 * - A *vertex* is definition: serialisable data that says what is asked. It never changes.
 * - An *op* is evaluation: how a vertex's result is found. The solver knows neither files nor
 *   containers; its tests use arithmetic.
 * - A *cache map* is the whole caching contract: a digest of the definition (without inputs)
 *   and, per input, how the input's result is reduced to what this op reads of it.
 */
export interface Vertex<D = unknown> {
  /** Digest of the definition and all inputs: the same vertex asked for twice is one vertex. */
  readonly digest: Digest
  readonly inputs: readonly Vertex<D>[]
  readonly def: D
  /** For people: `[build 2/5] RUN make`. */
  readonly name: string
  readonly location?: SourceLocation
  /** A part of another step: neither shown nor counted. */
  readonly internal?: boolean
  /** No record counts for it: it is run again, and recorded. */
  readonly fresh?: boolean
  /** Where in the Dockerfile it stands, for whoever compares one build with the next. */
  readonly step?: StepPlace
}

export interface StepPlace {
  /** The stage's name, or `stage-1`. */
  readonly stage: string
  /** As people count: those that make layers, the base image first. */
  readonly index: number
  /** The instruction as it is shown. */
  readonly text: string
}

/** Evaluates one vertex. `R` is a result: for images a stack of layers. */
export interface Op<R> {
  cacheMap(call?: Call): Promise<CacheMap<R>>
  exec(inputs: readonly R[], call?: Call): Promise<R>
}

/** What an op puts into its keys: all that its result depends on. */
export interface CacheMap<R> {
  /** Of the definition alone: never of mtime, umask, owner, path or machine. */
  readonly digest: Digest
  /** One per input, in their order. */
  readonly deps: readonly CacheDep<R>[]
  /** The result is found again at no cost: recording it would only keep it alive. */
  readonly transient?: boolean
}

/** How an input counts in the content key. */
export interface CacheDep<R> {
  /** Reduces the input's result to the content that this op reads; absent when the whole result counts. */
  readonly contentDigest?: (result: R, call?: Call) => Promise<Digest>
}

/** Keys to results, surviving restarts. Records are written after their results are durable. */
export interface CacheStorage<R> {
  load(key: Digest, about: { readonly name: string }): Promise<R | undefined>
  save(key: Digest, result: R, about: { readonly name: string }): Promise<void>
}

/** What a build needs of the node that it runs on. The engine makes one; a build makes nothing of its own. */
export interface BuildHost {
  readonly content: ContentStore
  readonly layers: LayerStore
  readonly snapshots: Snapshotter
  readonly differ: Differ
  readonly runtime: Runtime
  readonly db: Database
  /** A directory of the build's own, on the store's file system: steps' upper directories live and die in it. */
  readonly workDir: string
  /** Protects the layers and documents that the build makes until the caller has named the image. */
  readonly lease: Lease
  /** What this build does together with others of the same process. */
  readonly shared?: SharedWork<readonly Digest[]>
  /** What sources are to be, whatever their names lead to; images are pinned by {@link resolveImage}. */
  readonly pins?: SourcePins
  /** An image by reference; `not_found` when neither the store nor a registry has it. */
  resolveImage(ref: string, platform: Platform, call?: Call): Promise<OpenedImage>
  /** A network for one step, with the files of `/etc` that belong to it. */
  openNetwork(request: NetworkRequest, call?: Call): Promise<BuildNetwork>
  readonly cacheMounts: CacheMounts
}

/** Answers undefined for what is not pinned. */
export interface SourcePins {
  /** The commit of a reference. */
  git(remote: string, ref: string): string | undefined
  http(url: string): Digest | undefined
}

/** The network that a step asks for. */
export interface NetworkRequest {
  readonly mode: NetworkMode
  readonly hostname: string
  /** `name:address`; the address may be `host-gateway`. */
  readonly extraHosts: readonly string[]
}

/** `RUN --network`: a network of its own, nothing but loopback, or the host's. */
export type NetworkMode = 'default' | 'none' | 'host'

/** A step's network. Disposing gives everything back. */
export interface BuildNetwork extends AsyncDisposable {
  /** A network namespace by path; the host's own; or a fresh one with nothing but loopback. */
  readonly namespace: { readonly path: string } | 'host' | 'none'
  /** Files on the host that are bind-mounted at their places in the step. */
  readonly files: {
    readonly hosts: string
    readonly resolvConf: string
    readonly hostname?: string
  }
}

/** Everything that a build is asked for; one file of `options/` per subject. */
export interface BuildOptions extends LanguageOptions, ContextOptions, StepOptions, CacheOptions, ResultOptions {}

/** Something from outside that a build read, pinned. */
export interface ResolvedSource {
  readonly kind: 'git' | 'http'
  /** Without credentials. */
  readonly uri: string
  /** Of git, as it was asked for; absent for the default branch. */
  readonly ref?: string
  /** Digest of a file, or a commit. */
  readonly digest: string
}

/** The image of one platform, its layers uncompressed but for those of its base. */
export interface BuiltImage {
  readonly platform: Platform
  /** The manifest. */
  readonly root: Descriptor
  /** Digest of the config: what Docker calls the image ID. */
  readonly imageId: Digest
  /** Diff IDs, from the base up. */
  readonly layers: readonly Digest[]
}

/** What a build made. */
export interface BuildResult {
  /** The one image's manifest, or the index of several. */
  readonly root: Descriptor
  /** One per platform, in the order in which they were asked for. */
  readonly images: readonly BuiltImage[]
  /** Steps that the result has, and how many of them came from the cache. */
  readonly steps: number
  readonly cached: number
  /** What other machines' builds can use. */
  readonly cache: BuildCacheResult
  /** How one of the images came to be: an SLSA v1 predicate. */
  provenance(image: BuiltImage, options: ProvenanceOptions): object
  /** What it read over the network, images aside. */
  readonly sources: readonly ResolvedSource[]
  /** Seconds since the epoch: the time of config and history. */
  readonly created: number
  /** For the next build of the same, by the same `program`; undefined where that one has to look for itself. */
  remembered(program: string): { readonly given: Given; readonly solved: SolvedBuild } | undefined
}

/** The records of a build, to be sent on. */
export interface BuildCacheResult {
  contents(mode: CacheMode): Promise<CacheContents>
  /** Where a layer can be had that only a given cache has. */
  remoteLayer(diffId: Digest): Promise<RemoteLayer | undefined>
}
