import type { Call } from '#base'
import type { ReadOnlyTarget, Target } from '#content'
import type { Descriptor, Digest, Platform } from '#oci'
import type { CopyImageOptions } from '#registry/client'

/** A place that images are read from, opened by a name. Whatever it took to open goes when it is disposed. */
export interface Source extends AsyncDisposable {
  /** As it was written. */
  readonly name: string
  /** The image's full name, where the place gives it one: `docker.io/library/debian:12`. */
  readonly image?: string
  /** The image that the name means; `not_found` when there is none. */
  find(options?: FindOptions, call?: Call): Promise<Found>
  /** Every tag of the place; absent where a name means one image alone. */
  tags?(call?: Call): AsyncIterable<string>
}

export interface FindOptions {
  /** Layers that were made here and are kept plain come compressed, as registries have them. */
  readonly compressed?: boolean
  /** Every blob has to come along: of layers whose compressed blobs nobody has the tars do, under another manifest. */
  readonly whole?: boolean
  /** Instead of the tag that the name has. */
  readonly tag?: string
}

/** An image or index, and where it can be read. */
export interface Found {
  readonly root: Descriptor
  readonly from: ReadOnlyTarget
  /** Of an index, images may be missing there: archives and the store need not hold every platform. */
  readonly sparse?: boolean
  /** The repository, where it can be asked again later. */
  readonly origin?: string
  /** A layer's tar by its diff ID, where the compressed blob may not be there. */
  readonly tarOf?: (diffId: Digest, call?: Call) => Promise<Descriptor | undefined>
  /** The tar of a compressed layer whose blob is not kept there; undefined for one whose is. */
  readonly distantTar?: (blob: Descriptor) => Promise<Descriptor | undefined>
}

/** A place that images are copied to, opened by a name. */
export interface Destination extends AsyncDisposable {
  /** As it was written. */
  readonly name: string
  /** It holds one image, not an index of many: of an index it takes the one for a platform. */
  readonly single?: boolean
  /** It wants layers compressed. */
  readonly compressed?: boolean
  /** It has nothing of an image but what is written. */
  readonly whole?: boolean
  /** The place to be read and changed as it is; absent where whole images alone go in: archives, daemons. */
  readonly target?: Target
  /** The tag or digest that the name has in `target`. */
  readonly tag?: string
  /** Takes an image with everything below it, and gives it its name when it is whole. */
  receive(image: Found, options?: ReceiveOptions): Promise<Received>
}

export interface ReceiveOptions extends Call {
  /** Of an index: the entries for these platforms. The index and its digest stay. Default: what the place can hold. */
  readonly platforms?: readonly Platform[]
  /** Of an index: everything, also where one image is the rule. */
  readonly all?: boolean
  /** What refers to the image goes with it: signatures, SBOMs, attestations. */
  readonly referrers?: boolean
  /** Blobs under way at once. Default 4. */
  readonly concurrency?: number
  /** The step that the progress of blobs belongs to. */
  readonly vertex?: string
  /** Repositories of the destination's registry that may have the blobs. */
  readonly mountFrom?: NonNullable<CopyImageOptions['mountFrom']>
  /** Leaves that are there in another form. */
  readonly exclude?: (leaf: Descriptor) => boolean
  /** Instead of the tag that the name has. */
  readonly tag?: string
  /** The image's full name, for archives and daemons whose own name gives none. */
  readonly image?: string
}

/** What a place now has. */
export interface Received {
  readonly root: Descriptor
  readonly referrers: readonly Descriptor[]
  /** Blobs mounted from another repository instead of sent. */
  readonly mounted: number
}
