/**
 * The vocabulary of the OCI image-spec 1.1 and of Docker's schema 2, as plain data.
 * Content-addressed JSON is never re-serialised: these types are for reading and for making
 * new documents; the bytes stay beside them wherever a digest matters.
 */

/** `algorithm:hex`, image-spec descriptor.md#digests. */
export type Digest = `sha256:${string}` | `sha512:${string}`

/** image-spec descriptor.md: what some bytes are, how many, and their digest. */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
  readonly urls?: readonly string[]
  readonly annotations?: Readonly<Record<string, string>>
  /** The bytes themselves, base64 (descriptor.md#properties, `data`). */
  readonly data?: string
  readonly artifactType?: string
  readonly platform?: Platform
}

/** A name for an image, Docker's defaults filled in: see `parseReference`. */
export interface Reference {
  /** Registry with its port: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly domain: string
  /** Repository inside the registry: `library/debian`. */
  readonly path: string
  readonly tag?: string
  readonly digest?: Digest
}

/** image-spec image-index.md#platform. */
export interface Platform {
  readonly architecture: string
  readonly os: string
  readonly variant?: string
  readonly 'os.version'?: string
  readonly 'os.features'?: readonly string[]
}

/** image-spec manifest.md; Docker v2s2 has the same shape with other media types. */
export interface Manifest {
  readonly schemaVersion: 2
  readonly mediaType?: string
  readonly artifactType?: string
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
  readonly subject?: Descriptor
  readonly annotations?: Readonly<Record<string, string>>
}

/** image-spec image-index.md; Docker's manifest list has the same shape. */
export interface ImageIndex {
  readonly schemaVersion: 2
  readonly mediaType?: string
  readonly artifactType?: string
  readonly manifests: readonly Descriptor[]
  readonly subject?: Descriptor
  readonly annotations?: Readonly<Record<string, string>>
}

/** image-spec config.md: the document that names a platform, a process and a stack of layers. */
export interface ImageConfig {
  readonly created?: string
  readonly author?: string
  readonly architecture: string
  readonly os: string
  readonly variant?: string
  readonly 'os.version'?: string
  readonly 'os.features'?: readonly string[]
  readonly config?: ProcessConfig
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly Digest[] }
  readonly history?: readonly History[]
}

/** The `config` member of an image config: defaults for a container. Docker's extras included. */
export interface ProcessConfig {
  readonly User?: string
  readonly ExposedPorts?: Readonly<Record<string, object>>
  readonly Env?: readonly string[]
  readonly Entrypoint?: readonly string[] | null
  readonly Cmd?: readonly string[] | null
  readonly Volumes?: Readonly<Record<string, object>> | null
  readonly WorkingDir?: string
  readonly Labels?: Readonly<Record<string, string>> | null
  readonly StopSignal?: string
  readonly Shell?: readonly string[]
  readonly OnBuild?: readonly string[] | null
  readonly Healthcheck?: Healthcheck
  readonly ArgsEscaped?: boolean
}

/** Docker's HEALTHCHECK; durations in nanoseconds. */
export interface Healthcheck {
  readonly Test?: readonly string[]
  readonly Interval?: number
  readonly Timeout?: number
  readonly StartPeriod?: number
  readonly StartInterval?: number
  readonly Retries?: number
}

/** image-spec config.md, `history`: how one layer, or with `empty_layer` a change of the config alone, came about. */
export interface History {
  readonly created?: string
  readonly author?: string
  readonly created_by?: string
  readonly comment?: string
  readonly empty_layer?: boolean
}
