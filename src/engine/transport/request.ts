import type { Descriptor } from '#oci'

/** Names are as `cairn copy` takes them: `docker://debian:12`, `oci:DIR:REF`, an image of the store. */
export interface CopyRequest {
  readonly from: string
  readonly to: string
  /** Of an index: the images for these platforms; the index stays as it is. Default: what the place can hold. */
  readonly platforms?: readonly string[]
  /** Of an index: every image, also into the store, which otherwise takes the host's alone. */
  readonly all?: boolean
  /** With everything that refers to the image. */
  readonly referrers?: boolean
  /** Every tag of the repository `from`. */
  readonly allTags?: boolean
  /** Blobs under way at once. Default 4. */
  readonly jobs?: number
  readonly insecureSource?: boolean
  readonly insecureDestination?: boolean
}

/** One image that was copied. */
export interface Copied {
  /** The place, as it was named. */
  readonly name: string
  /** Of several tags, this one. */
  readonly tag?: string
  readonly root: Descriptor
  /** Manifests that refer to it and went with it. */
  readonly referrers: number
  /** Blobs mounted from another repository instead of sent. */
  readonly mounted: number
}
