import { isCode, type ByteStream, type Call } from '#base'
import { blobStatus } from '#content'
import type { ContentProvider, ContentStore, Ingest, Lease, LocalStore } from '#content'
import type { Layer } from '#image'
import type { Descriptor } from '#oci'
import type { DiskLayers } from '#snapshot'

/** What a layer is fetched with. */
export interface LayerFetch {
  readonly from: ContentProvider
  readonly store: LocalStore
  readonly layers: DiskLayers
  readonly lease: Lease
  /** The step that the layers' progress belongs to. */
  readonly vertex: string
}

/** Bytes between two records of progress. */
const STEP = 1 << 20

/**
 * Fetches a layer: verified, inflated, verified again and laid out in one pass, its compressed blob
 * kept. A layer that is here by its diff ID moves nothing. What a killed pull had kept is read from disk
 * and only the rest is asked for; should it prove damaged, the layer is fetched once more from its beginning.
 */
export async function fetchLayer(fetch: LayerFetch, { descriptor, diffId }: Layer, call: Call): Promise<void> {
  const { layers, lease, store } = fetch
  lease.add(diffId)
  lease.add(descriptor.digest)
  const here = layers.stat(diffId) !== undefined
  if (here) call.progress?.({ ...blobStatus(descriptor, fetch.vertex), note: 'Already exists' })
  for (let first = true; ; first = false) {
    const blob = resumable(fetch, descriptor, call)
    const keep = here || descriptor.digest === diffId ? undefined : blob.keeping(store.leased(lease))
    try {
      await layers.add({ descriptor, diffId }, () => blob.open(), keep, call)
      return
    } catch (error) {
      if (!first || !blob.resumed() || !isCode(error, 'data_loss')) throw error
    }
  }
}

/** A blob whose first bytes may lie in the write that keeps it: the layer store opens that before the blob. */
function resumable(
  { from, vertex }: LayerFetch,
  d: Descriptor,
  call: Call,
): { keeping(store: ContentStore): ContentStore; open(): Promise<ByteStream>; resumed(): boolean } {
  let ingest: Ingest | undefined
  let offset = 0
  return {
    keeping: (store) => ({
      has: (blob, inner) => store.has(blob, inner),
      open: (blob, inner) => store.open(blob, inner),
      put: (blob, bytes, inner) => store.put(blob, bytes, inner),
      delete: (digest, inner) => store.delete(digest, inner),
      list: (inner) => store.list(inner),
      ingest: async (ref, inner) => {
        ingest = await store.ingest(ref, inner)
        // A write that is longer than its blob is none that can be gone on with: the whole is asked for.
        offset = ingest.offset <= d.size ? ingest.offset : 0
        return ingest
      },
    }),
    open: async () => {
      if (!ingest || offset === 0) return counted(await from.open(d, { ...call, verify: false }), d, vertex, 0, call)
      const kept = ingest.kept(call)
      return joined(kept, async () => counted(await from.open(d, { ...call, offset }), d, vertex, offset, call))
    },
    resumed: () => offset > 0,
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
