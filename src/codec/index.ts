export type { EntryType, Nanoseconds, SparseSegment, TarEntry, TarLimits, TarMember } from './types.ts'
export { decodeName, encodeName } from './names.ts'
export { SortedNames } from './sortednames.ts'
export { createTarParser } from './tar/parser.ts'
export type { TarHandler, TarParser } from './tar/parser.ts'
export { encodeHeader } from './tar/encode.ts'
export { createTarWriter, writeTar } from './tar/write.ts'
export type { TarInput, TarWriter } from './tar/write.ts'
export { readTar } from './tar/read.ts'
export type { TarItem } from './tar/read.ts'
export { createHasher, hashing, sized, verified } from './hash.ts'
export type { HashAlgorithm, Hasher, Measured } from './hash.ts'
export { safePath, splitPath } from './paths.ts'
export { opaquePath, parseWhiteout, whiteoutPath } from './whiteout.ts'
export type { Whiteout } from './whiteout.ts'
export { gzip, zstd } from './compress/deflate.ts'
export type { CompressOptions } from './compress/deflate.ts'
export { detectCompression, detected } from './compress/detect.ts'
export type { DetectedCompression } from './compress/detect.ts'
export { createAheadInflater } from './compress/ahead.ts'
export type { AheadInflater, TakeBytes } from './compress/ahead.ts'
export {
  createInflater,
  decompress,
  decompressWithin,
  EXPANSION,
  gunzip,
  refuseBomb,
  unzstd,
} from './compress/inflate.ts'
export type { Expansion, Inflater, InflateOptions } from './compress/inflate.ts'
export { createErofsWriter } from './erofs/writer.ts'
export type { ErofsWriter } from './erofs/writer.ts'
export { writeErofs } from './erofs/build.ts'
export { openErofs } from './erofs/read.ts'
export { fileSink, fileSource } from './erofs/filesink.ts'
export { NONE } from './erofs/nametree.ts'
export { PathTree } from './erofs/pathtree.ts'
export { EROFS_TAR_OFFSET } from './erofs/format.ts'
export type {
  AbsentLink,
  ErofsDirent,
  ErofsImage,
  ErofsInput,
  ErofsLimits,
  ErofsNode,
  ErofsSink,
  ErofsSource,
  ErofsSummary,
  LayerQuirks,
} from './erofs/types.ts'
