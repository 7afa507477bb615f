export type { ContentProvider, ContentStore, Ingest, Lease, ReadOnlyTarget, Target } from './types.ts'
