import { join } from 'node:path'
import type { Database } from '#content'
import { algorithmOf, hexOf, parseDigest, type Digest } from '#oci'
import { lstat } from '#sys'
import { LayerTable } from './table.ts'

/** Where a layer lies, unpacked; its file has `.erofs` after that. */
export function layerPath(directory: string, diffId: Digest): string {
  return join(directory, algorithmOf(parseDigest(diffId)), hexOf(diffId))
}

/** Tells whether layers are there, as a layer store's `stat` does, without the code that reads and writes them. */
export function layersThere({
  root,
  db,
}: {
  readonly root: string
  readonly db: Database
}): (diffId: Digest) => boolean {
  const table = new LayerTable(db)
  const directory = join(root, 'layers')
  return (diffId) => table.get(diffId) !== undefined && lstat(`${layerPath(directory, diffId)}.erofs`) !== undefined
}
