import type { Digest } from '#oci'
import type { Database } from './database.ts'
import { isAlive, ownIdentity } from './process.ts'
import type { Lease } from './types.ts'

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS lease(
    id TEXT PRIMARY KEY,
    label TEXT NOT NULL,
    pid INTEGER NOT NULL,       -- the process that holds it: pid, start time,
    start TEXT NOT NULL,        -- boot and pid namespace together are never used twice
    domain TEXT NOT NULL,
    created INTEGER NOT NULL    -- milliseconds since the epoch
  ) STRICT;
  CREATE TABLE IF NOT EXISTS lease_item(
    lease TEXT NOT NULL REFERENCES lease(id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    PRIMARY KEY (lease, digest)
  ) STRICT, WITHOUT ROWID;
`

/** A lease of a process in another pid namespace cannot be checked: it counts for this long. */
const UNSEEN_LIFE = 24 * 60 * 60 * 1000

/** What one lease keeps, for gc and for "why is this kept". */
export interface LeasedItem {
  readonly digest: Digest
  /** `pull debian (process 4711)`. */
  readonly holder: string
}

/**
 * Begins a lease: until it is disposed, or its process has ended, gc keeps every digest added to
 * it and what those refer to. Add a digest *before* asking whether it is there: then either gc
 * sees it, or the answer is no.
 */
export function acquireLease(db: Database, label: string): Lease {
  db.schema(SCHEMA)
  const id = crypto.randomUUID()
  const { pid, start, domain } = ownIdentity()
  db.immediate(() => db.run('INSERT INTO lease VALUES (?, ?, ?, ?, ?, ?)', id, label, pid, start, domain, Date.now()))
  const added = new Set<Digest>()
  return {
    id,
    add: (digest) => {
      if (added.has(digest)) return
      db.immediate(() => db.run('INSERT OR IGNORE INTO lease_item VALUES (?, ?)', id, digest))
      added.add(digest)
    },
    [Symbol.asyncDispose]: async () => {
      db.immediate(() => db.run('DELETE FROM lease WHERE id = ?', id))
    },
  }
}

/** Everything that leases hold now. Those of ended processes are dropped on the way: call it under the write lock. */
export function leasedItems(db: Database): readonly LeasedItem[] {
  db.schema(SCHEMA)
  dropEnded(db)
  return db.all<LeasedItem>(
    `SELECT digest, label || ' (process ' || pid || ')' AS holder FROM lease_item JOIN lease ON lease.id = lease`,
  )
}

function dropEnded(db: Database): void {
  for (const lease of db.all<LeaseRow>('SELECT * FROM lease')) {
    const alive = isAlive(lease) ?? lease.created > Date.now() - UNSEEN_LIFE
    if (!alive) db.run('DELETE FROM lease WHERE id = ?', lease.id)
  }
}

interface LeaseRow {
  readonly id: string
  readonly pid: number
  readonly start: string
  readonly domain: string
  readonly created: number
}
