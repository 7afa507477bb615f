export type { EntryType, LayerBytes, Nanoseconds, SparseSegment, TarEntry, TarLimits, TarMember } from './types.ts'
