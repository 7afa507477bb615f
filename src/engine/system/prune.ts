import type { Call } from '#base'
import { pruneCache } from '../cache/prune.ts'
import { sweepLocks } from '../container/lock.ts'
import { prune as pruneContainers } from '../container/prune.ts'
import { prune as pruneImages } from '../image/prune.ts'
import { endpointOf, isUsed } from '../network/endpoint.ts'
import { listNetworks } from '../network/table.ts'
import type { Parts } from '../parts.ts'
import type { Container, PruneRequest, SystemPruned } from '../types.ts'
import { volumeVerbs } from '../volume/verbs.ts'
import { sweepWorkDirs } from './workdir.ts'

/** Results and cache mounts that no build has used for this long go with an ordinary prune: a week, milliseconds. */
const STALE = 7 * 24 * 60 * 60 * 1000

/** Removes what nothing uses: stopped containers, nameless images, old build cache; by request more. */
export async function prune(parts: Parts, request: PruneRequest = {}, call?: Call): Promise<SystemPruned> {
  const all = request.all === true
  const { chosen = () => true, unusedSince = all ? undefined : Date.now() - STALE } = request
  const ofContainer = ({ created, config: { labels } }: Container): boolean => chosen({ created, labels })
  const containers = await pruneContainers(parts, ofContainer, call)
  const volumes = request.volumes ? await volumeVerbs(parts).prune({ chosen }) : { removed: [], bytes: 0 }
  const cache = await pruneCache(parts, { all: true, ...(unusedSince === undefined ? {} : { unusedSince }) }, call)
  const images = await pruneImages(parts, { all, chosen }, call)
  await sweepWorkDirs(parts)
  sweepLocks(parts)
  await sweepPorts(parts)
  await removeIdleNetworks(parts)
  return {
    containers: containers.removed,
    volumes: volumes.removed,
    images: images.removed,
    cache: cache.entries.map(({ id }) => id),
    bytes: containers.bytes + volumes.bytes + cache.bytes + images.bytes,
  }
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
