import { isCode } from '#base'
import type { Call } from '#base'
import type { ContentProvider, ContentStore, Ingest } from '#content'
import type { Descriptor } from '#oci'

/**
 * Brings a blob into a store so that nothing fetched is fetched again: what an earlier attempt got,
 * even one that was killed, is kept under the blob's name and taken up. Visible only when whole and
 * right. `unavailable` while another process fetches the same blob.
 */
export async function fetchBlob(from: ContentProvider, to: ContentStore, d: Descriptor, call?: Call): Promise<void> {
  if (await to.has(d, call)) return
  for (let resumed = true; resumed;) {
    await using ingest = await to.ingest(`fetch-${d.digest}`, call)
    resumed = ingest.offset > 0
    try {
      return await fill(from, ingest, d, call)
    } catch (error) {
      if (!isCode(error, 'data_loss')) throw error
      // What lay there may have been the damage: once more from the beginning.
      await ingest.abort().catch(() => undefined)
      if (!resumed) throw error
    }
  }
}

async function fill(from: ContentProvider, ingest: Ingest, d: Descriptor, call?: Call): Promise<void> {
  if (ingest.offset < d.size || d.size === 0)
    for await (const chunk of await from.open(d, { ...call, offset: ingest.offset })) await ingest.write(chunk)
  await ingest.commit(d.mediaType, d)
}
