import type { ByteStream, Call } from '#base'
import type { Descriptor, Digest, ImageConfig, Manifest, Platform } from '#oci'
import type { ContentProvider, OpenOptions } from '#content'

/** An image or index: a root descriptor and where its content can be read. */
export interface Image {
  readonly root: Descriptor
  readonly content: ContentProvider
}

/** One platform's image, opened: the two documents with their exact bytes, and its layers. */
export interface OpenedImage {
  /** Descriptor of the manifest (not of an index that led to it). */
  readonly descriptor: Descriptor
  readonly manifest: Manifest
  readonly manifestBytes: Uint8Array
  readonly config: ImageConfig
  readonly configBytes: Uint8Array
  readonly platform: Platform
  readonly layers: readonly Layer[]
}

/** A layer under its two names: the blob's digest, and the digest of the tar inside it. */
export interface Layer {
  readonly descriptor: Descriptor
  readonly diffId: Digest
  /** As stored: perhaps compressed. */
  blob(call?: Call & OpenOptions): Promise<ByteStream>
  /** The tar; verified against `diffId` as it streams, unless it is read from an offset (of the tar). */
  tar(call?: Call & { readonly offset?: number }): Promise<ByteStream>
}
