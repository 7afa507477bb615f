export type { EntryType, LayerBytes, Nanoseconds, SparseSegment, TarEntry, TarLimits, TarMember } from './types.ts'
export { decodeName, encodeName } from './names.ts'
export { createTarParser } from './tar/parser.ts'
export type { TarHandler, TarParser } from './tar/parser.ts'
