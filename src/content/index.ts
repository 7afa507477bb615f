export type { ContentProvider, ContentStore, Ingest, Lease, ReadOnlyTarget, Target } from './types.ts'
export { openDatabase } from './database.ts'
export type { Database } from './database.ts'
