import type { Differ } from '../types.ts'
import { changesOf } from './changes.ts'
import { archiveTar, compareTar } from './compare.ts'
import { extractTar } from './extract.ts'

/** Changes to layers and back, on the directories of this host. */
export const differ: Differ = {
  compare: compareTar,
  apply: (tar, root, call) => extractTar(tar, root, { whiteouts: 'apply' }, call),
  changes: changesOf,
  archive: archiveTar,
  extract: (tar, root, options, call) => extractTar(tar, root, { ...options, whiteouts: 'none' }, call),
}
