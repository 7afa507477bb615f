import { checkCanceled, type Call } from '#base'
import { cacheRoots } from '#build'
import { acquireLease, collectGarbage, type Garbage, type Root } from '#content'
import type { Parts } from '../parts.ts'
import { forgetLayerBlobs } from '../registry/layerblobs.ts'

/**
 * Removes every blob and layer that no image, container, build cache record or work in progress
 * refers to. What was written moments ago is spared only while somebody is writing: all writers of
 * this node hold leases, so without one nothing can be on its way.
 */
export async function collect(
  parts: Parts,
  options: { readonly dryRun?: boolean } = {},
  call?: Call,
): Promise<Garbage> {
  const [store, layers] = await Promise.all([parts.store(), parts.layers()])
  const imageNames = await parts.names()
  const registered = await registryRootsOf(parts)
  checkCanceled(call)
  const roots = (): readonly Root[] => [
    ...imageNames.list().map(({ name, root }) => ({
      digest: root.digest,
      mediaType: root.mediaType,
      why: `image ${name ?? root.digest}`,
    })),
    ...parts.containers.list().map(({ name, config }) => ({ ...config.manifest, why: `container ${name}` })),
    ...cacheRoots(parts.db).map((digest) => ({ digest, why: 'build cache' })),
    ...registered(),
  ]
  const collectables = [store, layers.collectable()]
  // Makes the table, and drops what an ended process held.
  await acquireLease(parts.db, 'collect')[Symbol.asyncDispose]()
  const garbage = await collectGarbage(
    {
      db: parts.db,
      store,
      collect: collectables,
      roots,
      ...(othersWrite(parts) ? {} : { grace: 0 }),
      ...(options.dryRun && { dryRun: true }),
    },
    call,
  )
  if (!options.dryRun) {
    layers.removeStale()
    forgetLayerBlobs(parts.db, (diffId) => layers.stat(diffId) !== undefined)
  }
  return garbage
}

function othersWrite(parts: Parts): boolean {
  return (parts.db.get<{ count: number }>('SELECT count(*) AS count FROM lease')?.count ?? 0) > 0
}

/** What a registry over this very store holds besides images; the server's code is not loaded where there never was one. */
async function registryRootsOf({ db }: Parts): Promise<() => readonly Root[]> {
  const served = db.get(`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'registry_record'`)
  if (!served) return () => []
  const { registryRoots } = await import('#registry/server')
  return () => registryRoots(db)
}
