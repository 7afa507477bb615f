import type { Database } from '#content'
import type { Layer } from '#image'
import type { Digest } from '#oci'

const SCHEMA = `
CREATE TABLE IF NOT EXISTS layer_blob (
  digest TEXT NOT NULL,       -- of the compressed layer, as a manifest lists it
  source TEXT NOT NULL,       -- repository that has it: docker.io/library/debian, ssh://host/app; empty: nobody knows
  diff_id TEXT NOT NULL,
  size INTEGER NOT NULL,
  PRIMARY KEY (digest, source)
) STRICT, WITHOUT ROWID;`

/** A compressed layer as a manifest lists it, and a place where it was seen. */
export interface LayerBlob {
  readonly digest: Digest
  readonly source: string
  readonly diff_id: Digest
  readonly size: number
}

/** Remembers what layers are called when they are compressed, and the repository in which they were met. */
export function rememberLayers(
  db: Database,
  layers: readonly Pick<Layer, 'descriptor' | 'diffId'>[],
  source: string | undefined,
): void {
  const compressed = layers.filter(({ descriptor, diffId }) => descriptor.digest !== diffId)
  if (compressed.length === 0) return
  db.schema(SCHEMA)
  db.immediate(() => {
    for (const { descriptor, diffId } of compressed)
      db.run(
        'INSERT OR REPLACE INTO layer_blob VALUES (?, ?, ?, ?)',
        descriptor.digest,
        source ?? '',
        diffId,
        descriptor.size,
      )
  })
}

/** Every place where a compressed layer was met. */
export function layerBlobs(db: Database, digest: Digest): readonly LayerBlob[] {
  db.schema(SCHEMA)
  return db.all<LayerBlob>('SELECT * FROM layer_blob WHERE digest = ? ORDER BY source DESC', digest)
}

/** Forgets layers that are not here any more. */
export function forgetLayerBlobs(db: Database, isHere: (diffId: Digest) => boolean): void {
  db.schema(SCHEMA)
  const gone = db
    .all<{ readonly diff_id: Digest }>('SELECT DISTINCT diff_id FROM layer_blob')
    .filter(({ diff_id: diffId }) => !isHere(diffId))
  if (gone.length === 0) return
  db.immediate(() => {
    for (const { diff_id: diffId } of gone) db.run('DELETE FROM layer_blob WHERE diff_id = ?', diffId)
  })
}
