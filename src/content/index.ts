export type {
  ContentProvider,
  ContentStore,
  Ingest,
  IngestOptions,
  PausableIngest,
  Lease,
  OpenOptions,
  ReadOnlyTarget,
  Target,
} from './types.ts'
export { openArchive } from './archive/open.ts'
export type { ArchiveSource, OpenArchiveOptions } from './archive/open.ts'
export type { ArchiveFiles } from './archive/files.ts'
export type { ArchivedImage, ImageArchive } from './archive/types.ts'
export { blobStatus, copyGraph, onePlatform, onlyPresent, reported } from './copygraph.ts'
export type { CopyDestination, CopyOptions } from './copygraph.ts'
export { openDatabase } from './database.ts'
export type { Database } from './database.ts'
export { readDocument } from './document.ts'
export { collectGarbage, reachable } from './gc.ts'
export type { Collectable, Garbage, GarbageOptions } from './gc.ts'
export { diskError } from './diskerror.ts'
export { openDirect } from './fd.ts'
export type { DirectFile } from './fd.ts'
export { readGraph } from './graph.ts'
export type { Graph } from './graph.ts'
export { oneShotName } from './ingesttable.ts'
export { openLayout } from './layout/directory.ts'
export type { Layout } from './layout/directory.ts'
export { blobPath, isLayout, layoutArchive, openBlob } from './layout/read.ts'
export { writeLayoutTar } from './layout/tar.ts'
export { acquireLease, leasedItems } from './lease.ts'
export { ownerTag, tagIsAlive } from './process.ts'
export { openLocalStore } from './localstore.ts'
export type { LocalStore, StoredBlob } from './localstore.ts'
export { localTarget } from './localtarget.ts'
export type { Reachable, Root } from './mark.ts'
export { openNames } from './names.ts'
export type { ImageNames, NamedImage } from './names.ts'
export { openReferrers } from './referrertable.ts'
export type { ReferrerTable } from './referrertable.ts'
export { unionProvider } from './union.ts'
