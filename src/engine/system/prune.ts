import type { Call } from '#base'
import { cacheRecords, pruneCache as forgetRecords } from '#build'
import { sweepLocks } from '../container/lock.ts'
import { prune as pruneContainers } from '../container/prune.ts'
import { prune as pruneImages } from '../image/prune.ts'
import { endpointOf, isUsed } from '../network/endpoint.ts'
import { listNetworks } from '../network/table.ts'
import type { Parts } from '../parts.ts'
import type { PruneRequest, Pruned, SystemPruned } from '../types.ts'
import { volumeVerbs } from '../volume/verbs.ts'
import { collect } from './collect.ts'
import { sweepWorkDirs } from './workdir.ts'

/** Cache records that no build has used for this long go with an ordinary prune: a week, milliseconds. */
const STALE = 7 * 24 * 60 * 60 * 1000

/** Removes what nothing uses: stopped containers, nameless images, old build cache; by request more. */
export async function prune(parts: Parts, request: PruneRequest = {}, call?: Call): Promise<SystemPruned> {
  const all = request.all === true
  const containers = await pruneContainers(parts, undefined, call)
  const volumes = request.volumes ? await volumeVerbs(parts).prune({}) : { removed: [], bytes: 0 }
  const cache = await pruneCache(parts, { all }, call)
  const images = await pruneImages(parts, { all }, call)
  await sweepWorkDirs(parts)
  sweepLocks(parts)
  await sweepPorts(parts)
  await removeIdleNetworks(parts)
  return {
    containers: containers.removed,
    volumes: volumes.removed,
    images: images.removed,
    cache: cache.removed,
    bytes: containers.bytes + volumes.bytes + cache.bytes + images.bytes,
  }
}

/** Forgets what builds remember; layers that an image shares stay with the image. */
export async function pruneCache(parts: Parts, options: { readonly all?: boolean } = {}, call?: Call): Promise<Pruned> {
  const before = Date.now() - STALE
  const going = cacheRecords(parts.db).filter((record) => options.all || record.used < before)
  forgetRecords(parts.db, options.all ? {} : { unusedSince: before })
  const { bytes } = await collect(parts, {}, call)
  return { removed: going.map(({ key }) => key.slice(7, 19)), bytes }
}

/**
 * Bridges and rules of networks that nothing is on. Their plans stay: the next container finds the
 * same subnet. Under the write lock, which those who reserve an address take before they connect.
 */
async function removeIdleNetworks(parts: Parts): Promise<void> {
  const networks = listNetworks(parts.db)
  if (networks.length === 0) return
  const driver = await parts.networkDriver()
  for (const network of networks)
    parts.db.immediate(() => {
      if (!isUsed(parts, network)) driver.remove(network)
    })
}

/** Published ports of containers that are gone, should a crash have left any. */
async function sweepPorts(parts: Parts): Promise<void> {
  if (listNetworks(parts.db).length === 0) return
  const driver = await parts.networkDriver()
  driver.reconcile(() =>
    parts.containers
      .inState('starting', 'running', 'paused')
      .flatMap(({ id, attached }) => (attached ? [endpointOf(id, attached)] : [])),
  )
}
