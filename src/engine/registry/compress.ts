import { fail, type Call } from '#base'
import { gzip, verified } from '#codec'
import type { ContentProvider, Database, Lease } from '#content'
import { MediaType, type Descriptor, type Digest } from '#oci'
import type { Parts } from '../parts.ts'

const SCHEMA = `
CREATE TABLE IF NOT EXISTS compressed_layer (
  diff_id TEXT NOT NULL,
  encoder TEXT NOT NULL,      -- another version may give other bytes
  digest TEXT NOT NULL,
  size INTEGER NOT NULL,
  PRIMARY KEY (diff_id, encoder)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS compressed_layer_digest ON compressed_layer (digest);`

const ENCODER = `gzip-6 bun-${Bun.version}`

interface Row {
  readonly diff_id: Digest
  readonly digest: Digest
  readonly size: number
}

const GZIPPED: Readonly<Record<string, string>> = {
  [MediaType.ociLayer]: MediaType.ociLayerGzip,
  [MediaType.dockerLayer]: MediaType.dockerLayerGzip,
}

/** True for a layer that is compressed on its way to a registry. */
export function isPlainLayer({ mediaType }: Descriptor): boolean {
  return Object.hasOwn(GZIPPED, mediaType)
}

/**
 * The descriptor of a layer's gzip, which depends on the layer alone. The first time the layer is compressed into
 * the store, for as long as the lease lasts; from then on the digest is known, and bytes are made when they are read.
 */
export async function compressedLayer(parts: Parts, layer: Descriptor, lease: Lease, call?: Call): Promise<Descriptor> {
  const { db } = parts
  db.schema(SCHEMA)
  const { mediaType: _, digest: diffId, size, ...rest } = layer
  const mediaType = GZIPPED[layer.mediaType] ?? fail('internal', `${layer.mediaType} is not compressed on push`)
  const known = rowOf(db, 'diff_id', diffId)
  if (known) {
    lease.add(known.digest)
    return { mediaType, digest: known.digest, size: known.size, ...rest }
  }
  const [store, layers] = await Promise.all([parts.store(), parts.layers()])
  await using ingest = await store.leased(lease).ingest(`gzip ${diffId} ${lease.id}`, call)
  const tar = await layers.open({ mediaType: layer.mediaType, digest: diffId, size }, call)
  for await (const chunk of gzip(tar, {}, call)) await ingest.write(chunk)
  const made = await ingest.commit(mediaType)
  db.run('INSERT OR REPLACE INTO compressed_layer VALUES (?, ?, ?, ?)', diffId, ENCODER, made.digest, made.size)
  return { ...made, ...rest }
}

/** Compressed layers whose bytes are not kept, made again from the layers' files. */
export async function recompressed(parts: Parts): Promise<ContentProvider> {
  parts.db.schema(SCHEMA)
  const layers = await parts.layers()
  const source = (d: Descriptor): Row | undefined => {
    const row = rowOf(parts.db, 'digest', d.digest)
    return row && row.size === d.size && layers.stat(row.diff_id) ? row : undefined
  }
  return {
    has: async (d) => source(d) !== undefined,
    open: async (d, call) => {
      const row = source(d) ?? fail('not_found', `blob ${d.digest} is not here`)
      if (call?.offset) fail('invalid_argument', 'a layer that is compressed on the way is read from its beginning')
      const { tarSize: size } = layers.stat(row.diff_id)!
      return verified(gzip(await layers.open({ mediaType: MediaType.ociLayer, digest: row.diff_id, size }, call)), d)
    },
  }
}

function rowOf(db: Database, column: 'diff_id' | 'digest', digest: Digest): Row | undefined {
  return db.get<Row>(`SELECT * FROM compressed_layer WHERE ${column} = ? AND encoder = ?`, digest, ENCODER)
}
