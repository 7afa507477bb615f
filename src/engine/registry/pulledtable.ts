import type { Database } from '#content'
import type { Digest } from '#oci'

const SCHEMA = `
CREATE TABLE IF NOT EXISTS pulled_manifest (
  digest TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;`

/** Remembers that a manifest came from a registry: it goes to others as it is. */
export function rememberPulled(db: Database, digests: readonly Digest[]): void {
  db.schema(SCHEMA)
  db.immediate(() => {
    for (const digest of digests) db.run('INSERT OR IGNORE INTO pulled_manifest VALUES (?)', digest)
  })
}

export function wasPulled(db: Database, digest: Digest): boolean {
  db.schema(SCHEMA)
  return db.get('SELECT 1 FROM pulled_manifest WHERE digest = ?', digest) !== undefined
}
