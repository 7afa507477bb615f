import { isCode, type ByteStream, type Call } from '#base'
import { blobStatus } from '#content'
import type { ContentProvider, ContentStore, Database, Ingest, Lease, LocalStore } from '#content'
import type { Layer } from '#image'
import type { Descriptor, Digest } from '#oci'
import type { DiskLayers } from '#snapshot'
import { rememberLayers } from './layerblobs.ts'

/** What a layer is fetched with. */
export interface LayerFetch {
  readonly from: ContentProvider
  /** Where `from` is found again: a repository on the network. Absent for what is at hand, whose blobs are always kept. */
  readonly origin?: string
  /** The layer's tar, where `from` has that and may lack the compressed blob. */
  readonly tarOf?: (diffId: Digest, call?: Call) => Promise<Descriptor | undefined>
  readonly store: LocalStore
  readonly layers: DiskLayers
  readonly db: Database
  readonly lease: Lease
  /** The step that the layers' progress belongs to. */
  readonly vertex: string
}

/** Bytes between two records of progress. */
const STEP = 1 << 20

/**
 * Fetches a layer: verified, inflated, verified again and laid out in one pass, its compressed blob
 * kept. A layer that is here by its diff ID moves nothing: its blob is fetched when somebody wants it, from where it
 * was met now. What a killed pull had kept is read from disk and only the rest is asked for; should it prove damaged,
 * the layer is fetched once more from its beginning.
 */
export async function fetchLayer(fetch: LayerFetch, layer: Layer, call: Call): Promise<void> {
  const { descriptor, diffId } = layer
  const { layers, lease } = fetch
  lease.add(diffId)
  lease.add(descriptor.digest)
  const isHere = layers.stat(diffId) !== undefined
  if (isHere) call.progress?.({ ...blobStatus(descriptor, fetch.vertex), note: 'Already exists' })
  try {
    await fetchBlob(
      fetch,
      layer,
      { keep: descriptor.digest !== diffId && !(isHere && fetch.origin !== undefined) },
      call,
    )
  } catch (error) {
    if (!isCode(error, 'not_found') && !isCode(error, 'unavailable')) throw error
    const tar = descriptor.digest === diffId ? undefined : await fetch.tarOf?.(diffId, call)
    if (!tar && !isHere) throw error
    if (tar) await fetchBlob(fetch, { ...layer, descriptor: tar }, { keep: false }, call)
  }
  rememberLayers(fetch.db, [layer], fetch.origin)
}

async function fetchBlob(
  fetch: LayerFetch,
  { descriptor, diffId }: Layer,
  { keep }: { readonly keep: boolean },
  call: Call,
): Promise<void> {
  const { layers, lease, store } = fetch
  for (let first = true; ; first = false) {
    const blob = resumable(fetch, descriptor, call)
    try {
      await layers.add(
        { descriptor, diffId },
        () => blob.open(),
        keep ? blob.keeping(store.leased(lease)) : undefined,
        call,
      )
      return
    } catch (error) {
      if (!first || !blob.resumed() || !isCode(error, 'data_loss')) throw error
      await store.delete(descriptor.digest)
    }
  }
}

/** A blob that may be kept, or its first bytes in the write that keeps it: the layer store opens that before the blob. */
function resumable(
  { from, store, vertex }: LayerFetch,
  d: Descriptor,
  call: Call,
): { keeping(store: ContentStore): ContentStore; open(): Promise<ByteStream>; resumed(): boolean } {
  let ingest: Ingest | undefined
  let offset = 0
  let isKept = false
  return {
    keeping: (to) => ({
      has: (blob, inner) => to.has(blob, inner),
      open: (blob, inner) => to.open(blob, inner),
      put: (blob, bytes, inner) => to.put(blob, bytes, inner),
      delete: (digest, inner) => to.delete(digest, inner),
      list: (inner) => to.list(inner),
      ingest: async (ref, inner) => {
        ingest = await to.ingest(ref, inner)
        // A write that is longer than its blob is none that can be gone on with: the whole is asked for.
        offset = ingest.offset <= d.size ? ingest.offset : 0
        return ingest
      },
    }),
    open: async () => {
      isKept = await store.has(d, call)
      if (isKept) return store.open(d, { ...call, verify: false })
      if (!ingest || offset === 0) return counted(await from.open(d, { ...call, verify: false }), d, vertex, 0, call)
      const kept = ingest.kept(call)
      return joined(kept, async () => counted(await from.open(d, { ...call, offset }), d, vertex, offset, call))
    },
    resumed: () => isKept || offset > 0,
  }
}

async function* joined(kept: ByteStream, rest: () => Promise<ByteStream>): AsyncGenerator<Uint8Array, void, void> {
  yield* kept
  yield* await rest()
}

/** Reports how far a blob has come. */
async function* counted(
  bytes: ByteStream,
  d: Descriptor,
  vertex: string,
  offset: number,
  call: Call,
): AsyncGenerator<Uint8Array, void, void> {
  const record = (current: number, done: boolean): void => call.progress?.({ ...blobStatus(d, vertex), current, done })
  let current = offset
  let said = offset
  record(current, false)
  for await (const chunk of bytes) {
    yield chunk
    current += chunk.length
    if (current - said < STEP) continue
    record((said = current), false)
  }
  record(current, true)
}
