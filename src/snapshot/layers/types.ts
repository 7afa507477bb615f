import type { Call } from '#base'
import type { Collectable } from '#content'
import type { Digest } from '#oci'
import type { Mount } from '#sys'
import type { LayerStore } from '../types.ts'

/** Where a layer's files can be seen: a directory, after its mount has been made if it needs one. */
export interface LayerPlace {
  readonly path: string
  readonly mount?: Mount
}

/** What a snapshotter asks of a layer store besides its public verbs. */
export interface DiskLayers extends LayerStore {
  place(diffId: Digest, run: string): LayerPlace
  /**
   * The layer to lay over a chain so that the overlay shows what extracting the layers one over
   * the other would show; undefined when the overlay shows that already. Made once per chain.
   */
  fixUp(layers: readonly Digest[], call?: Call): Promise<Digest | undefined>
  /** Drops what killed processes left half written. */
  removeStale(): void
  /**
   * For garbage collection: everything that it does is synchronous, so that it can happen under the
   * database's write lock. Whoever relies on a layer has leased it under that lock before asking.
   */
  collectable(): Collectable
}
