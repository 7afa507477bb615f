import { existsSync, mkdirSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { fail, isCode } from '#base'
import { databaseError } from './diskerror.ts'

/** What a statement's parameter may hold. */
export type SqlValue = null | number | bigint | string | Uint8Array

/**
 * The store's metadata: one SQLite file that many processes share. Each room keeps its own
 * tables and hands their `CREATE TABLE IF NOT EXISTS` text to {@link Database.schema}.
 *
 * Writes go through {@link Database.immediate}: a transaction that takes the write lock first
 * waits for others instead of failing (a deferred one fails in four of five tries under load).
 */
export interface Database extends Disposable {
  readonly path: string
  /** Makes a room's tables; cheap when they are there. */
  schema(sql: string): void
  run(sql: string, ...values: SqlValue[]): { readonly changes: number }
  get<Row>(sql: string, ...values: SqlValue[]): Row | undefined
  all<Row>(sql: string, ...values: SqlValue[]): Row[]
  /** Runs `work` in a transaction that holds the write lock; rolls back when it throws. Nested calls join. */
  immediate<T>(work: () => T): T
  close(): void
}

const SETTINGS =
  'PRAGMA busy_timeout = 30000; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON'

/**
 * Bytes that are kept beside the database and given up when the disk is full: SQLite needs 32 KB to open at all, and a
 * few pages to record what is removed. Without them nothing could be removed that fills the disk.
 */
const RESERVE = 256 * 1024

function reserveOf(path: string): string {
  return `${path}-reserve`
}

/** Does it again, once, with the reserve's room and after `more`, where the disk was full. */
function giveWay<T>(path: string, work: () => T, more?: () => void): T {
  try {
    return work()
  } catch (error) {
    if (!isCode(error, 'resource_exhausted')) throw error
    rmSync(reserveOf(path), { force: true })
    more?.()
    return work()
  }
}

function keepReserve(path: string): void {
  if (existsSync(reserveOf(path))) return
  try {
    writeFileSync(reserveOf(path), new Uint8Array(RESERVE), { mode: 0o600 })
  } catch {
    // There is no room for it now; or the store can only be read.
    rmSync(reserveOf(path), { force: true })
  }
}

const SQLITE_FULL = 13
/** The log's index, which SQLite maps into memory: a page of it that finds no room later ends the process. */
const INDEX = 32 * 1024
/** SQLite writes a byte into each of these beforehand: that is room for all of it where blocks are as large. */
const PAGE = 4096

/** On small blocks (an ext4 of less than 512 MB has them of 1 KB) the index must find its room now. */
function checkRoom(path: string): void {
  const { bsize, blocks, bavail } = statfsSync(dirname(path))
  if (bsize >= PAGE || blocks === 0) return
  const taken = 512 * (statSync(`${path}-shm`, { throwIfNoEntry: false })?.blocks ?? 0)
  if (bsize * bavail >= INDEX - taken) return
  throw databaseError({ errcode: SQLITE_FULL }, path)
}

/** Opens (or makes) the database. WAL, so readers never wait; `NORMAL` sync survives kill -9 of any process. */
export function openDatabase(path: string): Database {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  // Looked up, not imported: the rest of the room also serves a Node that has no SQLite (< 22).
  const sqlite =
    process.getBuiltinModule('node:sqlite') ??
    fail('unimplemented', 'this runtime has no SQLite', { hint: 'run with Bun, or with Node 22 or later' })
  const told = <T>(work: () => T): T => {
    try {
      return work()
    } catch (error) {
      throw databaseError(error, path)
    }
  }
  const open = (): DatabaseSync => {
    checkRoom(path)
    const db = new sqlite.DatabaseSync(path)
    told(() => db.exec(SETTINGS))
    return db
  }
  const db = giveWay(path, open)
  keepReserve(path)
  const statements = new Map<string, StatementSync>()
  const prepare = (sql: string): StatementSync => {
    let statement = statements.get(sql)
    if (!statement) statements.set(sql, (statement = db.prepare(sql)))
    return statement
  }
  const withRoom = <T>(work: () => T): T =>
    depth > 0
      ? work()
      : giveWay(path, work, () => {
          // What the write-ahead log holds is written over once it is in the file, and the log need not grow.
          db.exec('PRAGMA wal_checkpoint(RESTART)')
        })
  let depth = 0
  const transact = <T>(work: () => T): T => {
    told(() => db.exec('BEGIN IMMEDIATE'))
    depth++
    try {
      const result = work()
      told(() => db.exec('COMMIT'))
      return result
    } catch (error) {
      // On a full disk SQLite has rolled back by itself.
      if (db.isTransaction) db.exec('ROLLBACK')
      throw error
    } finally {
      depth--
    }
  }
  const database: Database = {
    path,
    schema: (sql) => told(() => db.exec(sql)),
    run: (sql, ...values) => withRoom(() => told(() => ({ changes: Number(prepare(sql).run(...values).changes) }))),
    get: <Row>(sql: string, ...values: SqlValue[]) => told(() => prepare(sql).get(...values) as Row | undefined),
    all: <Row>(sql: string, ...values: SqlValue[]) => told(() => prepare(sql).all(...values) as Row[]),
    immediate: (work) => (depth > 0 ? work() : withRoom(() => transact(work))),
    close: () => db.close(),
    [Symbol.dispose]: () => db.close(),
  }
  return database
}
