import type { Database } from '#content'

/** Commit times, seconds since the epoch, of what was checked out: a commit that the cache holds is not fetched for it. */
const SCHEMA = `CREATE TABLE IF NOT EXISTS git_commit (
  id TEXT PRIMARY KEY,
  time INTEGER NOT NULL
) WITHOUT ROWID`

export function rememberCommit(db: Database, id: string, time: number): void {
  db.schema(SCHEMA)
  db.run('INSERT OR REPLACE INTO git_commit (id, time) VALUES (?, ?)', id, time)
}

export function commitTime(db: Database, id: string): number | undefined {
  db.schema(SCHEMA)
  return db.get<{ time: number }>('SELECT time FROM git_commit WHERE id = ?', id)?.time
}
