import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fail } from '#base'
import type { Database } from '#content'
import type { Paths } from '../paths.ts'
import type { Volume } from '../types.ts'

const SCHEMA = `
CREATE TABLE IF NOT EXISTS volume (
  name TEXT PRIMARY KEY,
  created INTEGER NOT NULL,
  labels TEXT NOT NULL,
  anonymous INTEGER NOT NULL
) STRICT;`

interface Row {
  readonly name: string
  readonly created: number
  readonly labels: string
  readonly anonymous: number
}

/** The node's volumes: a row and a directory each. */
export interface VolumeTable {
  /** Where a volume's files are, whether it is there or not. */
  path(name: string): string
  /** Makes it, or answers the one that is there. */
  ensure(
    name: string,
    options?: { readonly labels?: Readonly<Record<string, string>>; readonly anonymous?: boolean },
  ): Volume
  get(name: string): Volume | undefined
  list(): readonly Volume[]
  remove(name: string): void
}

export function openVolumes(db: Database, paths: Paths): VolumeTable {
  db.schema(SCHEMA)
  const path = (name: string): string => join(paths.volume(name), '_data')
  const volumeOf = (row: Row): Volume => ({
    name: row.name,
    path: path(row.name),
    created: row.created,
    labels: JSON.parse(row.labels) as Record<string, string>,
    anonymous: row.anonymous === 1,
  })
  const get = (name: string): Volume | undefined => {
    const row = db.get<Row>('SELECT * FROM volume WHERE name = ?', name)
    return row && volumeOf(row)
  }
  return {
    path,
    get,
    list: () => db.all<Row>('SELECT * FROM volume ORDER BY name').map(volumeOf),
    ensure: (name, options = {}) => {
      checkVolumeName(name)
      db.run(
        'INSERT OR IGNORE INTO volume (name, created, labels, anonymous) VALUES (?, ?, ?, ?)',
        name,
        Date.now(),
        JSON.stringify(options.labels ?? {}),
        options.anonymous ? 1 : 0,
      )
      // The row goes first: a directory without one would be nobody's.
      if (mkdirSync(path(name), { recursive: true }) !== undefined) chmodSync(path(name), 0o755)
      return get(name)!
    },
    remove: (name) => {
      rmSync(paths.volume(name), { recursive: true, force: true })
      db.run('DELETE FROM volume WHERE name = ?', name)
    },
  }
}

export function checkVolumeName(name: string): void {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name) || name.length > 255)
    fail(
      'invalid_argument',
      `${JSON.stringify(name)} includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed`,
    )
}
