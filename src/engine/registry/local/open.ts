import { openDirectoryStorage, openRepositories, type RegistryStorage, type Repositories } from '#registry/server'
import type { Parts } from '../../parts.ts'
import { nodeBlobs } from './blobs.ts'
import { nodeImages } from './images.ts'
import { localRepositories } from './repositories.ts'

/** A registry's storage and repositories over a node's own store and images. Closing the storage lets go of both. */
export async function openLocal(
  parts: Parts,
): Promise<{ readonly storage: RegistryStorage; readonly repositories: Repositories }> {
  const images = await nodeImages(parts)
  const base = openDirectoryStorage({ root: parts.paths.root, database: parts.paths.database, shared: true })
  const blobs = nodeBlobs(base.blobs)
  const storage: RegistryStorage = {
    blobs,
    records: base.records,
    now: () => base.now(),
    check: () => base.check(),
    [Symbol.asyncDispose]: async () => {
      await images[Symbol.asyncDispose]()
      await base[Symbol.asyncDispose]()
    },
  }
  return { storage, repositories: localRepositories(openRepositories(base), images, blobs) }
}
