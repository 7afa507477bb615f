import type { Database } from '#content'
import type { LayerQuirks } from '#codec'
import type { Digest } from '#oci'

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS layer(
    diff_id TEXT PRIMARY KEY,
    tar_size INTEGER NOT NULL,     -- bytes of the tar in the file, from byte 4096 on
    disk_size INTEGER NOT NULL,
    meta_digest TEXT NOT NULL,     -- of the file without the tar
    signature TEXT NOT NULL,       -- inode, size, mtime and ctime of the file when its bytes were last known good
    quirks TEXT NOT NULL,          -- LayerQuirks as JSON
    fix_up INTEGER NOT NULL        -- 1: made for a chain, no image's own layer
  ) STRICT;
  CREATE TABLE IF NOT EXISTS layer_tree(
    diff_id TEXT PRIMARY KEY REFERENCES layer(diff_id) ON DELETE CASCADE,
    digest TEXT NOT NULL,          -- of the unpacked directory's own tar
    signature TEXT NOT NULL,       -- of every file's inode, size, mtime and ctime
    disk_size INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS layer_chain(
    layers TEXT PRIMARY KEY,       -- diff IDs from the base up
    fix_up TEXT                    -- NULL: none is needed
  ) STRICT;
`

export interface LayerRow {
  readonly diff_id: Digest
  readonly tar_size: number
  readonly disk_size: number
  readonly meta_digest: Digest
  readonly signature: string
  readonly quirks: string
  readonly fix_up: 0 | 1
}

export interface TreeRow {
  readonly digest: Digest
  readonly signature: string
  readonly disk_size: number
}

/** The layers' rows. */
export class LayerTable {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
    db.schema(SCHEMA)
  }

  get(diffId: Digest): LayerRow | undefined {
    return this.#db.get<LayerRow>('SELECT * FROM layer WHERE diff_id = ?', diffId)
  }

  /** Those of images: fix-ups are left out. */
  all(): LayerRow[] {
    return this.#db.all<LayerRow>('SELECT * FROM layer WHERE fix_up = 0 ORDER BY diff_id')
  }

  put(row: LayerRow): void {
    this.#db.immediate(() => {
      const { diff_id, tar_size, disk_size, meta_digest, signature, quirks } = row
      // What an image needs stays an image's layer, even if it is also a fix-up.
      const fixUp = this.get(diff_id)?.fix_up === 0 ? 0 : row.fix_up
      this.#db.run(
        `INSERT INTO layer VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT(diff_id) DO UPDATE SET tar_size = excluded.tar_size,
           disk_size = excluded.disk_size, meta_digest = excluded.meta_digest, signature = excluded.signature,
           quirks = excluded.quirks, fix_up = excluded.fix_up`,
        diff_id,
        tar_size,
        disk_size,
        meta_digest,
        signature,
        quirks,
        fixUp,
      )
    })
  }

  setSignature(diffId: Digest, signature: string): void {
    this.#db.run('UPDATE layer SET signature = ? WHERE diff_id = ?', signature, diffId)
  }

  tree(diffId: Digest): TreeRow | undefined {
    return this.#db.get<TreeRow>('SELECT digest, signature, disk_size FROM layer_tree WHERE diff_id = ?', diffId)
  }

  putTree(diffId: Digest, { digest, signature, disk_size }: TreeRow): void {
    this.#db.run('INSERT OR REPLACE INTO layer_tree VALUES (?, ?, ?, ?)', diffId, digest, signature, disk_size)
  }

  /** Undefined: not known yet; null: none is needed. */
  fixUp(layers: readonly Digest[]): Digest | null | undefined {
    const row = this.#db.get<{ fix_up: Digest | null }>('SELECT fix_up FROM layer_chain WHERE layers = ?', key(layers))
    return row && row.fix_up
  }

  putFixUp(layers: readonly Digest[], fixUp: Digest | null): void {
    this.#db.run('INSERT OR REPLACE INTO layer_chain VALUES (?, ?)', key(layers), fixUp)
  }

  /** Forgets a layer and the chains that it is in; the fix-ups that nobody needs any more. */
  remove(diffId: Digest): Digest[] {
    return this.#db.immediate(() => {
      this.#db.run('DELETE FROM layer_chain WHERE instr(layers, ?) > 0', diffId)
      this.#db.run('DELETE FROM layer WHERE diff_id = ?', diffId)
      const rows = this.#db.all<{ diff_id: Digest }>(
        'SELECT diff_id FROM layer WHERE fix_up = 1 AND diff_id NOT IN (SELECT fix_up FROM layer_chain WHERE fix_up IS NOT NULL)',
      )
      for (const { diff_id } of rows) this.#db.run('DELETE FROM layer WHERE diff_id = ?', diff_id)
      return rows.map((row) => row.diff_id)
    })
  }
}

function key(layers: readonly Digest[]): string {
  return layers.join(' ')
}

export function quirksOf(row: LayerRow): LayerQuirks {
  return JSON.parse(row.quirks) as LayerQuirks
}
