import { fail } from '#base'
import type { Database } from '#content'
import type { Attached, Container, ContainerConfig, ContainerState } from '../types.ts'

const SCHEMA = `
CREATE TABLE IF NOT EXISTS container (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  image TEXT NOT NULL,
  manifest TEXT NOT NULL,
  created INTEGER NOT NULL,
  config TEXT NOT NULL,
  state TEXT NOT NULL,
  pid INTEGER,
  pid_start INTEGER,
  monitor INTEGER,
  monitor_start INTEGER,
  direct INTEGER NOT NULL DEFAULT 0,
  boot TEXT,
  started INTEGER,
  finished INTEGER,
  exit_code INTEGER,
  oom_killed INTEGER,
  error TEXT,
  attached TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS container_state ON container (state);
CREATE INDEX IF NOT EXISTS container_manifest ON container (manifest);
CREATE INDEX IF NOT EXISTS container_removed ON container (finished) WHERE state = 'removed';`

/** How long the exit code of an auto-removed container is kept for those who wait for it, milliseconds. */
const TOMBSTONE = 60_000

/**
 * A container's states as they are recorded. Beyond Docker's: `starting` belongs to the process that
 * brings it up, `removed` keeps the exit code of an auto-removed one for those who wait for it.
 */
export type RecordedState = ContainerState | 'starting' | 'removed'

/** A process by number and start time: a reused number is another process. */
export interface ProcessIdentity {
  readonly pid: number
  readonly start: number
}

/** A container with what only the engine needs to know of it. */
export interface ContainerRecord extends Omit<Container, 'state' | 'pid'> {
  readonly state: RecordedState
  readonly manifest: string
  readonly process?: ProcessIdentity
  /** Who answers for it: its monitor, or the command line that made it, starts it or runs it directly. */
  readonly monitor?: ProcessIdentity
  /** Run without a monitor, stdio passed on: it has no log and cannot be attached to. */
  readonly direct: boolean
  readonly boot?: string
}

/** The columns that change in a container's life. */
export type Changes = Partial<
  Pick<
    ContainerRecord,
    | 'name'
    | 'config'
    | 'state'
    | 'process'
    | 'monitor'
    | 'direct'
    | 'boot'
    | 'started'
    | 'finished'
    | 'exitCode'
    | 'oomKilled'
    | 'error'
    | 'attached'
  >
>

interface Row {
  readonly id: string
  readonly name: string
  readonly image: string
  readonly manifest: string
  readonly created: number
  readonly config: string
  readonly state: RecordedState
  readonly pid: number | null
  readonly pid_start: number | null
  readonly monitor: number | null
  readonly monitor_start: number | null
  readonly direct: number
  readonly boot: string | null
  readonly started: number | null
  readonly finished: number | null
  readonly exit_code: number | null
  readonly oom_killed: number | null
  readonly error: string | null
  readonly attached: string | null
}

/** The node's containers, as rows. */
export interface ContainerTable {
  /** `already_exists` when the name is taken. */
  insert(
    container: Required<
      Pick<ContainerRecord, 'id' | 'name' | 'image' | 'manifest' | 'created' | 'config' | 'monitor' | 'boot'>
    >,
  ): void
  get(id: string): ContainerRecord | undefined
  /** By ID, name, or a prefix of an ID that is nobody else's. */
  find(ref: string): ContainerRecord
  /** Newest first; tombstones left out. */
  list(): readonly ContainerRecord[]
  inState(...states: readonly RecordedState[]): readonly ContainerRecord[]
  /** Undefined clears a column. */
  update(id: string, changes: { readonly [K in keyof Changes]: Changes[K] | undefined }): void
  /** Of an auto-removed container only the exit code stays, for a while. Its name is free. */
  bury(id: string): void
  delete(id: string): void
  usingManifest(manifest: string): readonly ContainerRecord[]
}

export function openContainers(db: Database): ContainerTable {
  db.schema(SCHEMA)
  const table: ContainerTable = {
    insert: (container) => insert(db, container),
    get: (id) => {
      const row = db.get<Row>('SELECT * FROM container WHERE id = ?', id)
      return row && recordOf(row)
    },
    find: (ref) => find(db, ref),
    list: () =>
      db.all<Row>("SELECT * FROM container WHERE state <> 'removed' ORDER BY created DESC, rowid DESC").map(recordOf),
    inState: (...states) =>
      db
        .all<Row>(`SELECT * FROM container WHERE state IN (${states.map(() => '?').join(',')})`, ...states)
        .map(recordOf),
    update: (id, changes) => update(db, id, changes),
    bury: (id) => {
      db.immediate(() => {
        table.update(id, { state: 'removed', name: id })
        // Told which index: SQLite takes that of states, and reads every one that was removed in the last minute.
        db.run(
          "DELETE FROM container INDEXED BY container_removed WHERE state = 'removed' AND finished < ?",
          Date.now() - TOMBSTONE,
        )
      })
    },
    delete: (id) => void db.run('DELETE FROM container WHERE id = ?', id),
    usingManifest: (manifest) =>
      db.all<Row>("SELECT * FROM container WHERE manifest = ? AND state <> 'removed'", manifest).map(recordOf),
  }
  return table
}

function insert(db: Database, container: Parameters<ContainerTable['insert']>[0]): void {
  const { id, name, image, manifest, created, config, monitor, boot } = container
  try {
    db.run(
      `INSERT INTO container (id, name, image, manifest, created, config, state, monitor, monitor_start, boot)
       VALUES (?, ?, ?, ?, ?, ?, 'created', ?, ?, ?)`,
      id,
      name,
      image,
      manifest,
      created,
      JSON.stringify(config),
      monitor.pid,
      monitor.start,
      boot,
    )
  } catch (error) {
    const other = db.get<{ id: string }>('SELECT id FROM container WHERE name = ?', name)
    if (!other) throw error
    fail('already_exists', `the container name "${name}" is already in use by container ${other.id.slice(0, 12)}`, {
      hint: `remove it (cairn rm ${name}), rename it, or choose another name`,
    })
  }
}

function find(db: Database, ref: string): ContainerRecord {
  const name = ref.replace(/^\//, '')
  const exact = db.get<Row>("SELECT * FROM container WHERE (id = ? OR name = ?) AND state <> 'removed'", name, name)
  if (exact) return recordOf(exact)
  const rows = /^[0-9a-f]+$/.test(name)
    ? db.all<Row>("SELECT * FROM container WHERE id >= ? AND id < ? AND state <> 'removed' LIMIT 2", name, `${name}g`)
    : []
  if (rows.length > 1) fail('invalid_argument', `multiple containers begin with ${name}: give more digits`)
  return rows[0] ? recordOf(rows[0]) : fail('not_found', `no such container: ${ref}`)
}

function update(db: Database, id: string, changes: Parameters<ContainerTable['update']>[1]): void {
  const columns = new Map<string, string | number | null>()
  const put = (key: keyof Changes, column: string, value: string | number | null | undefined): void => {
    if (key in changes) columns.set(column, value ?? null)
  }
  put('name', 'name', changes.name)
  put('config', 'config', changes.config && JSON.stringify(changes.config))
  put('state', 'state', changes.state)
  put('process', 'pid', changes.process?.pid)
  put('process', 'pid_start', changes.process?.start)
  put('monitor', 'monitor', changes.monitor?.pid)
  put('monitor', 'monitor_start', changes.monitor?.start)
  put('direct', 'direct', changes.direct ? 1 : 0)
  put('boot', 'boot', changes.boot)
  put('started', 'started', changes.started)
  put('finished', 'finished', changes.finished)
  put('exitCode', 'exit_code', changes.exitCode)
  put('oomKilled', 'oom_killed', changes.oomKilled ? 1 : 0)
  put('error', 'error', changes.error)
  put('attached', 'attached', changes.attached && JSON.stringify(changes.attached))
  if (columns.size === 0) return
  const assignments = [...columns.keys()].map((column) => `${column} = ?`).join(', ')
  db.run(`UPDATE container SET ${assignments} WHERE id = ?`, ...columns.values(), id)
}

function recordOf(row: Row): ContainerRecord {
  const process = identity(row.pid, row.pid_start)
  const monitor = identity(row.monitor, row.monitor_start)
  return {
    id: row.id,
    name: row.name,
    image: row.image,
    manifest: row.manifest,
    created: row.created,
    config: JSON.parse(row.config) as ContainerConfig,
    state: row.state,
    direct: row.direct === 1,
    ...(process && { process }),
    ...(monitor && { monitor }),
    ...(row.boot !== null && { boot: row.boot }),
    ...(row.started !== null && { started: row.started }),
    ...(row.finished !== null && { finished: row.finished }),
    ...(row.exit_code !== null && { exitCode: row.exit_code }),
    ...(row.oom_killed !== null && { oomKilled: row.oom_killed === 1 }),
    ...(row.error !== null && { error: row.error }),
    ...(row.attached !== null && { attached: JSON.parse(row.attached) as Attached }),
  }
}

function identity(pid: number | null, start: number | null): ProcessIdentity | undefined {
  return pid === null ? undefined : { pid, start: start ?? 0 }
}

/** The record as the world sees it. */
export function containerOf(record: ContainerRecord): Container {
  const { manifest: _, process, monitor: __, direct: ___, boot: ____, state, ...rest } = record
  const shown: ContainerState = state === 'starting' ? 'created' : state === 'removed' ? 'removing' : state
  return { ...rest, state: shown, ...(process && { pid: process.pid }) }
}
