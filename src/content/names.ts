import { fail } from '#base'
import type { Descriptor, Digest } from '#oci'
import type { Database } from './database.ts'

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS image(
    name TEXT PRIMARY KEY,      -- docker.io/library/debian:12; an image without a name: its digest
    digest TEXT NOT NULL,       -- of the root: a manifest or an index
    media_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    created INTEGER NOT NULL    -- when the image came to be here, milliseconds since the epoch
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS image_digest ON image(digest);
`

/** An image of the local store. */
export interface NamedImage {
  /** Absent for an image that has lost its name, or never had one. */
  readonly name?: string
  readonly root: Descriptor
  /** When it was built, loaded or pulled here: milliseconds since the epoch. */
  readonly created: number
}

/**
 * The names of the local store's images. Names are opaque here; whoever reads them from people
 * normalises them first (`localTarget` does). An image whose last name moves to another one is
 * kept without a name until it is removed.
 */
export interface ImageNames {
  get(name: string): NamedImage | undefined
  /** Sorted by name, nameless ones last. */
  list(): readonly NamedImage[]
  /** Every row whose root has this digest, the nameless one included. */
  withDigest(digest: Digest): readonly NamedImage[]
  /** Gives the name to an image, taking it from another. `created` is kept when the digest is known already. */
  tag(root: Descriptor, name: string, created?: number): void
  /** Keeps an image that has no name. */
  keep(root: Descriptor, created?: number): void
  /** Takes the name away. The image itself may then be kept by nothing; returns its root. `not_found` without it. */
  untag(name: string): Descriptor
  /** Removes every name of an image and its nameless row. */
  forget(digest: Digest): void
}

interface ImageRow {
  readonly name: string
  readonly digest: Digest
  readonly media_type: string
  readonly size: number
  readonly created: number
}

/** The names in a store's database; makes their table. */
export function openNames(db: Database): ImageNames {
  db.schema(SCHEMA)
  const withDigest = (digest: Digest): NamedImage[] =>
    db.all<ImageRow>('SELECT * FROM image WHERE digest = ? ORDER BY name', digest).map(fromRow)
  const insert = (root: Descriptor, name: string, created?: number): void => {
    const since = created ?? withDigest(root.digest)[0]?.created ?? Date.now()
    const { digest, mediaType, size } = root
    db.run('INSERT OR REPLACE INTO image VALUES (?, ?, ?, ?, ?)', name, digest, mediaType, size, since)
  }
  const names: ImageNames = {
    get: (name) => {
      const row = db.get<ImageRow>('SELECT * FROM image WHERE name = ?', name)
      return row && fromRow(row)
    },
    list: () => db.all<ImageRow>(`SELECT * FROM image ORDER BY name = digest, name`).map(fromRow),
    withDigest,
    tag: (root, name, created) =>
      db.immediate(() => {
        const before = names.get(name)
        insert(root, name, created)
        if (root.digest !== name) db.run('DELETE FROM image WHERE name = ?', root.digest)
        if (before && before.root.digest !== root.digest && withDigest(before.root.digest).length === 0)
          insert(before.root, before.root.digest, before.created)
      }),
    keep: (root, created) =>
      db.immediate(() => {
        if (withDigest(root.digest).length === 0) insert(root, root.digest, created)
      }),
    untag: (name) =>
      db.immediate(() => {
        const image = names.get(name) ?? fail('not_found', `no image is named ${name}`)
        db.run('DELETE FROM image WHERE name = ?', name)
        return image.root
      }),
    forget: (digest) => db.immediate(() => void db.run('DELETE FROM image WHERE digest = ?', digest)),
  }
  return names
}

function fromRow({ name, digest, media_type, size, created }: ImageRow): NamedImage {
  const root = { mediaType: media_type, digest, size }
  return name === digest ? { root, created } : { name, root, created }
}
