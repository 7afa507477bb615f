import type { ContentProvider, Graph } from '#content'
import type { Descriptor, Digest } from '#oci'

/** A node's images, as a registry's repositories show them. */
export interface NodeImages extends AsyncDisposable {
  /** Everything that has a name which a registry can have too, in no order. */
  names(): readonly NodeName[]
  /** The image behind a name; undefined when there is none, or it is not whole. */
  image(repository: string, tag: string): Promise<NodeImage | undefined>
  /** Lays out the image of a manifest or index whose parts are in the store, and names it. False for what is no image. */
  take(repository: string, tag: string, root: Descriptor): Promise<boolean>
  /** Takes a name away; false when there was none. */
  untag(repository: string, tag: string): boolean
}

export interface NodeName {
  /** As people write it: `app`, `team/app`, `registry.example/app`. */
  readonly repository: string
  readonly tag: string
  /** When the image came to be here: milliseconds since the epoch. */
  readonly moved: number
}

/** An image as it would be pushed: the layers that were made here are compressed. */
export interface NodeImage extends Graph {
  readonly root: Descriptor
  /** What refers to each of its documents, and to those. */
  readonly referrers: ReadonlyMap<Digest, readonly Descriptor[]>
  /** Where all of it can be read, from the beginning. */
  readonly content: ContentProvider
}
