import type { Call } from '#base'
import type { Descriptor } from '#oci'
import type { Discovered } from '#registry/client'

/** A file that goes into an artifact, with its media type where it is known. */
export interface ArtifactFile {
  readonly path: string
  /** Default `application/vnd.oci.image.layer.v1.tar`, which oras takes for files of no type. */
  readonly mediaType?: string
}

/** An artifact to be made of files. */
export interface PutArtifactRequest {
  readonly artifactType: string
  readonly files: readonly ArtifactFile[]
  readonly annotations?: Readonly<Record<string, string>>
  readonly insecure?: boolean
}

/** An artifact that belongs to an image. */
export interface AttachRequest extends PutArtifactRequest {
  /** Of an index, the image for this platform is what the artifact belongs to. Default: the index. */
  readonly platform?: string
}

/** Which referrers are looked for. */
export interface DiscoverRequest {
  readonly artifactType?: string
  readonly platform?: string
  /** Levels of referrers. Default all. */
  readonly depth?: number
  readonly insecure?: boolean
}

/** An image with everything that refers to it. */
export interface DiscoveredImage {
  readonly subject: Descriptor
  readonly referrers: readonly Discovered[]
}

/** A file that came out of an artifact. */
export interface ArtifactPulled {
  readonly root: Descriptor
  /** Paths below the directory. */
  readonly files: readonly string[]
  /** Blobs without a file name. */
  readonly unnamed: number
}

/** What registries and layouts keep beside images: signatures, SBOMs, charts, any files. Names are as `cairn copy` takes them; a name alone is in its registry. */
export interface Artifacts {
  /** Puts files beside an image. */
  attach(name: string, request: AttachRequest, call?: Call): Promise<Descriptor>
  /** Puts files under a name of their own. */
  push(name: string, request: PutArtifactRequest, call?: Call): Promise<Descriptor>
  /** Writes the files of an artifact into a directory, each whole or not at all. */
  pull(
    name: string,
    options: { readonly directory: string; readonly insecure?: boolean },
    call?: Call,
  ): Promise<ArtifactPulled>
  discover(name: string, request?: DiscoverRequest, call?: Call): Promise<DiscoveredImage>
}
