import type { ContentProvider } from '#content'
import type { Compression, Descriptor, Digest } from '#oci'

/** Which document an annotation goes into: buildx's four places. */
export type AnnotationPlace = 'manifest' | 'index' | 'manifest-descriptor' | 'index-descriptor'

/** An annotation, and where it goes. */
export interface ImageAnnotation {
  readonly place: AnnotationPlace
  /** Only the image for this platform: `linux/arm64`. */
  readonly platform?: string
  readonly key: string
  readonly value: string
}

/** How an image leaves the store. */
export interface PackOptions {
  /** Of layers that are not compressed yet, unless it is forced. Default: they stay as they are. */
  readonly compression?: Compression
  /** Default 6 for gzip, 3 for zstd. */
  readonly level?: number
  /** Layers that are compressed otherwise are done again: a base image's. */
  readonly force?: boolean
  /** Compressed layers whose blobs nobody has: made anew of their tars, in the wanted form. */
  readonly lost?: ReadonlySet<Digest>
  /** False: Docker's media types. Default: as the image has them. */
  readonly ociTypes?: boolean
  readonly annotations?: readonly ImageAnnotation[]
  /** False: attestations without a subject, which registries without artifacts take. */
  readonly artifacts?: boolean
}

/** An image as it leaves. */
export interface Packed {
  readonly root: Descriptor
  /** Everything below the root can be read here. */
  readonly content: ContentProvider
}
