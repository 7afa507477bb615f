import type { Database, Lease } from '#content'
import type { Digest } from '#oci'
import type { LayerStore } from '#snapshot'
import type { Stack } from './ops/definition.ts'
import type { CacheStorage } from './types.ts'

/** Times are milliseconds since the epoch; `layers` is a JSON array of diff IDs. */
const SCHEMA = `CREATE TABLE IF NOT EXISTS cache_record (
  key TEXT PRIMARY KEY,
  layers TEXT NOT NULL,
  name TEXT NOT NULL,
  created INTEGER NOT NULL,
  used INTEGER NOT NULL
) WITHOUT ROWID`

/** What one build step made, as `system df` shows it. */
export interface CacheRecord {
  readonly key: Digest
  readonly layers: readonly Digest[]
  readonly name: string
  readonly created: number
  readonly used: number
}

interface Row {
  readonly key: Digest
  readonly layers: string
  readonly name: string
  readonly created: number
  readonly used: number
}

/** Records of a build; {@link BuildCache.close} notes which were used. */
export interface BuildCache extends CacheStorage<Stack> {
  close(): void
}

/** A record counts only while every layer that it names is there; the lease keeps those of a hit from then on. */
export function openCache(db: Database, layers: LayerStore, lease: Lease): BuildCache {
  db.schema(SCHEMA)
  const used: Digest[] = []
  return {
    async load(key) {
      const row = db.get<{ layers: string }>('SELECT layers FROM cache_record WHERE key = ?', key)
      if (!row) return undefined
      const stack = JSON.parse(row.layers) as Digest[]
      // Leased before it is looked for: then garbage collection either sees the lease, or we see the gap.
      db.immediate(() => {
        for (const layer of stack) lease.add(layer)
      })
      if (stack.every((layer) => layers.stat(layer) !== undefined)) {
        used.push(key)
        return stack
      }
      db.run('DELETE FROM cache_record WHERE key = ?', key)
      return undefined
    },
    async save(key, stack, { name }) {
      const now = Date.now()
      db.run(
        'INSERT INTO cache_record (key, layers, name, created, used) VALUES (?1, ?2, ?3, ?4, ?4) ON CONFLICT (key) DO UPDATE SET layers = ?2, name = ?3, created = ?4, used = ?4',
        key,
        JSON.stringify(stack),
        name,
        now,
      )
    },
    close() {
      if (used.length === 0) return
      const now = Date.now()
      db.immediate(() => {
        for (const key of used) db.run('UPDATE cache_record SET used = ? WHERE key = ?', now, key)
      })
    },
  }
}

/**
 * Whether a record still says this, and every layer is there; if so, it counts as used. For whoever holds the write lock
 * and keeps the layers by other means before letting it go.
 */
export function useRecord(db: Database, isThere: (layer: Digest) => boolean, key: Digest, stack: Stack): boolean {
  db.schema(SCHEMA)
  const row = db.get<{ layers: string }>('SELECT layers FROM cache_record WHERE key = ?', key)
  if (row?.layers !== JSON.stringify(stack) || !stack.every(isThere)) return false
  db.run('UPDATE cache_record SET used = ? WHERE key = ?', Date.now(), key)
  return true
}

/** What is recorded under a key, and under other keys for the same stack: as many as one step can have had. */
export function recordsFor(db: Database, key: Digest): Pick<CacheRecord, 'key' | 'layers'>[] {
  return db
    .all<Pick<Row, 'key' | 'layers'>>(
      `SELECT key, layers FROM cache_record WHERE key = ?1
       UNION SELECT other.key, other.layers FROM cache_record one JOIN cache_record other USING (layers, name)
       WHERE one.key = ?1 LIMIT 16`,
      key,
    )
    .map((row) => ({ key: row.key, layers: JSON.parse(row.layers) as Digest[] }))
}

/** Every layer that a record names: what garbage collection keeps for the build cache. */
export function cacheRoots(db: Database): Digest[] {
  return [...new Set(cacheRecords(db).flatMap((record) => record.layers))]
}

/** All records, the most recently used first. */
export function cacheRecords(db: Database): CacheRecord[] {
  db.schema(SCHEMA)
  return db
    .all<Row>('SELECT key, layers, name, created, used FROM cache_record ORDER BY used DESC, key')
    .map((row) => ({ ...row, layers: JSON.parse(row.layers) as Digest[] }))
}

/** Forgets records; their layers go with the next garbage collection. */
export function forgetRecords(db: Database, keys: readonly Digest[]): void {
  db.schema(SCHEMA)
  db.immediate(() => {
    for (const key of keys) db.run('DELETE FROM cache_record WHERE key = ?', key)
  })
}
