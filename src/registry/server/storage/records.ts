import type { Database } from '#content'
import type { RecordCondition, RecordStorage, StoredRecord } from '../types.ts'

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS registry_record(
    key TEXT PRIMARY KEY,       -- see docs/formats/registry-storage.md
    value TEXT NOT NULL,
    touched INTEGER NOT NULL    -- milliseconds since the epoch
  ) STRICT, WITHOUT ROWID;
`

const ALL = 1e9

/** Records in a table of the store's database. */
export function openRecords(db: Database, now: () => number): RecordStorage {
  db.schema(SCHEMA)
  const get = (key: string): StoredRecord | undefined => db.get('SELECT * FROM registry_record WHERE key = ?', key)
  const when = (key: string, condition: RecordCondition | undefined, work: () => number): boolean =>
    db.immediate(() => (condition === undefined || holds(get(key), condition) ? work() > 0 : false))
  return {
    get: async (key) => get(key),
    put: async (key, value, condition) =>
      when(key, condition, () => {
        return db.run('INSERT OR REPLACE INTO registry_record VALUES (?, ?, ?)', key, value, now()).changes
      }),
    touch: async (key) => db.run('UPDATE registry_record SET touched = ? WHERE key = ?', now(), key).changes > 0,
    delete: async (key, condition) =>
      when(key, condition, () => db.run('DELETE FROM registry_record WHERE key = ?', key).changes),
    list: async (prefix, page = {}) => {
      const after = page.after !== undefined && page.after >= prefix ? page.after : ''
      // Keys are ASCII: no key that starts with the prefix is greater than the prefix and U+007F.
      return db.all<StoredRecord>(
        'SELECT * FROM registry_record WHERE key >= ? AND key < ? AND key > ? ORDER BY key LIMIT ?',
        prefix,
        `${prefix}\x7f`,
        after,
        page.limit ?? ALL,
      )
    },
  }
}

/** Whether a record is as a condition wants it. */
export function holds(record: StoredRecord | undefined, { value, before }: RecordCondition): boolean {
  if (value !== undefined && (record?.value ?? null) !== value) return false
  return before === undefined || (record !== undefined && record.touched < before)
}
