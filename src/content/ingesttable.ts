import { readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fail, utf8 } from '#base'
import { createHasher } from '#codec'
import { hexOf } from '#oci'
import type { Database } from './database.ts'
import { isAlive, ownerTag, ownIdentity, tagIsAlive } from './process.ts'

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS ingest(
    name TEXT PRIMARY KEY,      -- of the file under content/ingest
    ref TEXT NOT NULL,          -- the writer's own name for it
    pid INTEGER NOT NULL,       -- who writes it now: one process at a time
    start TEXT NOT NULL,
    domain TEXT NOT NULL
  ) STRICT;
`

/** How long an unfinished write waits for its resumption. */
const RESUMABLE_LIFE = 24 * 60 * 60 * 1000
const ONE_SHOT = 'put-'

interface IngestRow {
  readonly name: string
  readonly pid: number
  readonly start: string
  readonly domain: string
}

export function openIngestTable(db: Database): void {
  db.schema(SCHEMA)
}

let sequence = 0

/** A file name for a write that nobody will resume; it tells whose it is. */
export function oneShotName(): string {
  return `${ONE_SHOT}${ownerTag()}-${++sequence}`
}

/** The file name for the write called `ref`, now this process's; `unavailable` while another one writes it. */
export function claimIngest(db: Database, ref: string): string {
  const hasher = createHasher()
  hasher.update(utf8(ref))
  const name = `ref-${hexOf(hasher.digest())}`
  db.immediate(() => {
    const row = db.get<IngestRow>('SELECT * FROM ingest WHERE name = ?', name)
    if (row && isAlive(row) !== false) fail('unavailable', `${ref} is being written by process ${row.pid}`)
    const { pid, start, domain } = ownIdentity()
    db.run('INSERT OR REPLACE INTO ingest VALUES (?, ?, ?, ?, ?)', name, ref, pid, start, domain)
  })
  return name
}

export function releaseIngest(db: Database, name: string): void {
  db.immediate(() => db.run('DELETE FROM ingest WHERE name = ?', name))
}

/** Drops what ended processes left behind; a resumable write only when nobody has touched it for a day. */
export function removeStaleIngests(db: Database, directory: string): void {
  db.immediate(() => {
    const writing = new Set<string>()
    for (const row of db.all<IngestRow>('SELECT * FROM ingest')) {
      if (isAlive(row) === false) db.run('DELETE FROM ingest WHERE name = ?', row.name)
      else writing.add(row.name)
    }
    const old = Date.now() - RESUMABLE_LIFE
    for (const name of readdirSync(directory)) {
      if (writing.has(name)) continue
      const alive = name.startsWith(ONE_SHOT) ? tagIsAlive(name.slice(ONE_SHOT.length)) : undefined
      const path = join(directory, name)
      const touched = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity
      if (alive === false || (alive === undefined && touched < old)) rmSync(path, { force: true, recursive: true })
    }
  })
}
