import { checkCanceled } from '#base'
import type { Call } from '#base'
import type { Digest } from '#oci'
import type { Database } from './database.ts'
import { leasedItems } from './lease.ts'
import type { LocalStore, StoredBlob } from './localstore.ts'
import { createMarker } from './mark.ts'
import type { Reachable, Root } from './mark.ts'
import { openReferrers } from './referrertable.ts'

/** Something whose contents are named by digests and can be removed: the store's blobs, layers on disk. */
export interface Collectable {
  entries(): Iterable<StoredBlob>
  /** Synchronous: it happens under the database's write lock. */
  remove(digest: Digest): void
}

/** What is swept, and what keeps it. */
export interface GarbageOptions {
  readonly db: Database
  /** Manifests, indexes and configs are read from here. */
  readonly store: LocalStore
  /** What is swept. Default: the store alone. */
  readonly collect?: readonly Collectable[]
  /**
   * Everything that keeps something: images, containers, cache records. Asked for twice, the second
   * time under the write lock, so it must read the database (or nothing) and be quick. Leases are added.
   */
  readonly roots: () => Iterable<Root>
  /**
   * Milliseconds for which what was just written is kept without being referred to, for writers
   * that hold no lease. Default 10 minutes.
   */
  readonly grace?: number
  /** Only tell what would go. */
  readonly dryRun?: boolean
}

/** What a collection removed, and why the rest was kept. */
export interface Garbage {
  readonly removed: readonly StoredBlob[]
  /** Bytes that were freed. */
  readonly bytes: number
  readonly kept: Reachable
}

const GRACE = 10 * 60 * 1000

/**
 * Removes what no root reaches. Safe beside writers in other processes: the deciding mark and the
 * sweep happen in one transaction that holds the write lock, and whoever relies on something being
 * there either holds a lease (taken under that lock, before asking) or finds it gone.
 */
export async function collectGarbage(options: GarbageOptions, call?: Call): Promise<Garbage> {
  const { db, store, roots } = options
  const referrers = openReferrers(db)
  const mark = createMarker(store, (subject) => referrers.of(subject, { tags: true }))
  // Reads the documents before the lock is taken; the second mark finds nearly all of them known.
  mark([...roots(), ...leases(db)])
  checkCanceled(call)
  return db.immediate(() => {
    const kept = mark([...roots(), ...leases(db)])
    const young = Date.now() - (options.grace ?? GRACE)
    const removed: StoredBlob[] = []
    for (const from of options.collect ?? [store])
      for (const blob of from.entries()) {
        if (kept.has(blob.digest) || blob.added > young) continue
        if (!options.dryRun) from.remove(blob.digest)
        removed.push(blob)
      }
    if (!options.dryRun) {
      store.removeStale()
      referrers.sweep((digest) => store.stat(digest) !== undefined)
    }
    return { removed, bytes: removed.reduce((sum, { size }) => sum + size, 0), kept }
  })
}

/** What the roots and leases keep now, and why: for `system df` and for explaining. */
export function reachable(options: Pick<GarbageOptions, 'db' | 'store' | 'roots'>): Reachable {
  const referrers = openReferrers(options.db)
  return createMarker(options.store, (subject) => referrers.of(subject, { tags: true }))([
    ...options.roots(),
    ...leases(options.db),
  ])
}

function leases(db: Database): readonly Root[] {
  return db.immediate(() => leasedItems(db)).map(({ digest, holder }) => ({ digest, why: `lease ${holder}` }))
}
