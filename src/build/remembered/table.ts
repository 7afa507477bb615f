import type { Database } from '#content'
import type { Digest } from '#oci'
import type { Given } from './types.ts'

const SCHEMA = `CREATE TABLE IF NOT EXISTS remembered_build (
  place TEXT PRIMARY KEY,
  key TEXT NOT NULL,
  build TEXT NOT NULL,
  made INTEGER NOT NULL
) WITHOUT ROWID`

/** Places that are remembered; those whose build was remembered longest ago go first. */
const PLACES = 64

/** The last build of each place, as JSON. */
export class RememberedBuilds {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
    db.schema(SCHEMA)
  }

  get({ place, key }: Given): string | undefined {
    return this.#db.get<{ build: string }>('SELECT build FROM remembered_build WHERE place = ? AND key = ?', place, key)
      ?.build
  }

  put({ place, key }: Given, build: string): void {
    this.#db.immediate(() => {
      this.#db.run('INSERT OR REPLACE INTO remembered_build VALUES (?, ?, ?, ?)', place, key, build, Date.now())
      this.#db.run(
        'DELETE FROM remembered_build WHERE made < (SELECT made FROM remembered_build ORDER BY made DESC LIMIT 1 OFFSET ?)',
        PLACES - 1,
      )
    })
  }

  forget(place: Digest): void {
    this.#db.run('DELETE FROM remembered_build WHERE place = ?', place)
  }
}
