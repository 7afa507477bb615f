import { fail, isCode, messageOf, type ByteStream, type Call } from '#base'
import { acquireLease, type ContentProvider, type OpenOptions } from '#content'
import { layerCompression, MediaType, type Descriptor, type Digest } from '#oci'
import { compressedLayer, LEVELS, recompressed } from '../pack/layerforms.ts'
import type { Parts } from '../parts.ts'
import { layerBlobs, type LayerBlob } from '../registry/layerblobs.ts'

/** Compressed layers of which the tars alone are here. */
export interface DistantLayers extends ContentProvider {
  /** By a digest alone, whatever its size. */
  stat(digest: Digest): Descriptor | undefined
  /** The tar that such a layer has inside. */
  tarOf(digest: Digest): Descriptor | undefined
}

/**
 * Layers that were here by their diff IDs when an image that lists them compressed was pulled: their blobs were never
 * fetched, and are when somebody reads them, from where they were met. Where nobody answers the tar is compressed here;
 * should that give the same digest, it is the same layer. Otherwise `unavailable`.
 */
export async function distantLayers(parts: Parts): Promise<DistantLayers> {
  const layers = await parts.layers()
  const rowsOf = (digest: Digest): readonly LayerBlob[] =>
    layerBlobs(parts.db, digest).filter(({ diff_id: diffId }) => layers.stat(diffId) !== undefined)
  const stat = (digest: Digest): Descriptor | undefined => {
    const [row] = rowsOf(digest)
    return row && { mediaType: MediaType.ociLayer, digest, size: row.size }
  }
  return {
    stat,
    tarOf: (digest) => {
      const [row] = rowsOf(digest)
      const info = row && layers.stat(row.diff_id)
      return info && { mediaType: MediaType.ociLayer, digest: row.diff_id, size: info.tarSize }
    },
    has: async (d) => stat(d.digest)?.size === d.size,
    open: async (d, call) => {
      const rows = rowsOf(d.digest).filter(({ size }) => size === d.size)
      return (await fetched(parts, d, rows, call)) ?? fail('not_found', `blob ${d.digest} is not here`)
    },
  }
}

async function fetched(
  parts: Parts,
  d: Descriptor,
  rows: readonly LayerBlob[],
  call?: Call & OpenOptions,
): Promise<ByteStream | undefined> {
  const [first] = rows
  if (!first) return undefined
  const failures: string[] = []
  for (const { source } of rows.filter((row) => row.source !== ''))
    try {
      return await openAt(parts, source, d, call)
    } catch (error) {
      if (isCode(error, 'canceled')) throw error
      failures.push(`${source}: ${messageOf(error)}`)
    }
  const made = await compressedAgain(parts, d, first.diff_id, call)
  if (made) return made
  const why = failures.length > 0 ? `cannot be fetched from ${failures.join('; ')}` : 'came from nowhere that is known'
  return fail('unavailable', `layer ${d.digest} is here uncompressed alone, and ${why}`, {
    hint: 'only who has those very bytes can give them: pull the image again from a registry that has it',
  })
}

async function openAt(parts: Parts, source: string, d: Descriptor, call?: Call & OpenOptions): Promise<ByteStream> {
  if (source.startsWith('ssh://')) return (await import('../transport/ssh.ts')).openOverSsh(source, d, call)
  const { client } = await parts.registries()
  return client.repository(source).open(d, call)
}

/** The layer as this version compresses it, where that is what was asked for. Tried once: the digest is remembered. */
async function compressedAgain(
  parts: Parts,
  d: Descriptor,
  diffId: Digest,
  call?: Call & OpenOptions,
): Promise<ByteStream | undefined> {
  const compression = layerCompression(d.mediaType)
  if (compression === undefined) return undefined
  // Who knows a blob by its digest alone has no media type for it.
  for (const kind of compression === 'none' ? (['gzip', 'zstd'] as const) : [compression]) {
    const layers = await parts.layers()
    await using lease = acquireLease(parts.db, `compress ${diffId}`)
    lease.add(diffId)
    const tar = { mediaType: MediaType.ociLayer, digest: diffId, size: layers.stat(diffId)?.tarSize ?? 0 }
    const layer = { diffId, descriptor: tar, tar: (inner?: Call) => layers.open(tar, inner) }
    const form = { compression: kind, level: LEVELS[kind][2] }
    const made = await compressedLayer(parts, layer, { form, lease }, call)
    if (made.digest !== d.digest) continue
    return await (await recompressed(parts)).open(d, call)
  }
  return undefined
}
