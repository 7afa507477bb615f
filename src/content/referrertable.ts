import type { Descriptor, Digest } from '#oci'
import type { Database } from './database.ts'

const SCHEMA = `
CREATE TABLE IF NOT EXISTS referrer (
  subject TEXT NOT NULL,
  digest TEXT NOT NULL,
  media_type TEXT NOT NULL,
  size INTEGER NOT NULL,
  tag TEXT NOT NULL,          -- cosign's: sha256-….sig; empty: the manifest itself names its subject
  PRIMARY KEY (subject, digest, tag)
) STRICT, WITHOUT ROWID;`

/** What refers to images of the local store. It is kept with its subject, and goes with it. */
export interface ReferrerTable {
  add(subject: Digest, referrer: Descriptor, tag?: string): void
  /** Manifests that name this subject; with `tags`, also those that only a tag ties to it. */
  of(subject: Digest, options?: { readonly tags?: boolean }): readonly Descriptor[]
  /** The manifest behind a tag that ties it to a subject. */
  tagged(tag: string): Descriptor | undefined
  /** Changes whenever a row does. */
  readonly count: number
  /** Forgets rows whose manifest or subject is gone. */
  sweep(isHere: (digest: Digest) => boolean): void
}

interface Row {
  readonly subject: Digest
  readonly digest: Digest
  readonly media_type: string
  readonly size: number
}

/** The referrers in a store's database; makes their table. */
export function openReferrers(db: Database): ReferrerTable {
  db.schema(SCHEMA)
  return {
    add: (subject, { digest, mediaType, size }, tag = '') =>
      void db.run('INSERT OR REPLACE INTO referrer VALUES (?, ?, ?, ?, ?)', subject, digest, mediaType, size, tag),
    of: (subject, { tags = false } = {}) =>
      db
        .all<Row>(
          `SELECT DISTINCT subject, digest, media_type, size FROM referrer WHERE subject = ? AND (tag = '' OR ?)`,
          subject,
          tags ? 1 : 0,
        )
        .map(fromRow),
    tagged: (tag) => {
      const row = db.get<Row>(`SELECT * FROM referrer WHERE tag = ? AND tag <> ''`, tag)
      return row && fromRow(row)
    },
    get count() {
      return db.get<{ readonly count: number }>('SELECT count(*) AS count FROM referrer')?.count ?? 0
    },
    sweep: (isHere) =>
      db.immediate(() => {
        for (const { subject, digest } of db.all<Row>('SELECT * FROM referrer'))
          if (!isHere(subject) || !isHere(digest))
            db.run('DELETE FROM referrer WHERE subject = ? AND digest = ?', subject, digest)
      }),
  }
}

function fromRow({ digest, media_type: mediaType, size }: Row): Descriptor {
  return { mediaType, digest, size }
}
