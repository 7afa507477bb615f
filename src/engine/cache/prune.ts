import type { Call } from '#base'
import { forgetRecords, forgetSteps, openCacheMounts } from '#build'
import type { Digest } from '#oci'
import { fileSystem } from '#sys'
import type { Parts } from '../parts.ts'
import { collect } from '../system/collect.ts'
import { cacheContents, type CacheContents, type Kept } from './entries.ts'
import type { CachePruned, CachePruning, CacheUsage } from './types.ts'

export async function cacheUsage(parts: Parts): Promise<CacheUsage> {
  const { kept, sizes } = await cacheContents(parts)
  const total = bytesOf(kept, sizes)
  const held = kept.filter(({ entry }) => entry.inUse)
  return { entries: kept.map(({ entry }) => entry), total, reclaimable: total - bytesOf(held, sizes) }
}

/** Forgets what a prune asks for; layers that images or other results need stay. */
export async function pruneCache(parts: Parts, pruning: CachePruning = {}, call?: Call): Promise<CachePruned> {
  const contents = await cacheContents(parts)
  const going = choose(contents, pruning, fileSystem(parts.paths.root).available)
  const mounts = openCacheMounts(parts.paths.cacheMounts)
  forgetRecords(
    parts.db,
    going.flatMap(({ keys }) => keys),
  )
  if (pruning.all && pruning.unusedSince === undefined) forgetSteps(parts.db)
  mounts.sweep()
  const gone = going.filter(({ mount }) => mount === undefined || mounts.remove(mount.key))
  const freed = gone.reduce((sum, { mount, entry }) => sum + (mount ? entry.size : 0), 0)
  const { bytes } = await collect(parts, {}, call)
  return { entries: gone.map(({ entry }) => entry), bytes: bytes + freed }
}

/** What goes, the longest unused first. `free`: bytes of the disk. */
export function choose({ kept, sizes }: CacheContents, pruning: CachePruning, free: number): readonly Kept[] {
  const { all = false, filter = () => true, unusedSince = Infinity, keepLast = 0 } = pruning
  const candidates = kept
    .slice(keepLast)
    .filter(({ entry }) => !entry.inUse && (all || !entry.shared) && entry.used < unusedSince && filter(entry))
    .toSorted((a, b) => a.entry.used - b.entry.used || b.layers.length - a.layers.length)
  const limit = limitOf(pruning, bytesOf(kept, sizes), free)
  if (limit === undefined) return candidates
  const left = new Set(kept)
  const going: Kept[] = []
  for (const one of candidates) {
    if (bytesOf([...left], sizes) <= limit) break
    left.delete(one)
    going.push(one)
  }
  return going
}

/** How many bytes may stay; undefined for no limit, when everything that was asked for goes. */
function limitOf({ maxUsed, minFree, reserved }: CachePruning, total: number, free: number): number | undefined {
  if (maxUsed === undefined && minFree === undefined && reserved === undefined) return undefined
  const lacking = Math.max(0, (minFree ?? 0) - free)
  const wanted = Math.min(maxUsed ?? (minFree === undefined ? 0 : total), lacking > 0 ? total - lacking : Infinity)
  return Math.max(wanted, reserved ?? 0)
}

/** Each layer once. */
function bytesOf(kept: readonly Kept[], sizes: ReadonlyMap<Digest, number>): number {
  const layers = new Set(kept.flatMap((one) => one.layers))
  const mounts = kept.reduce((sum, { mount, entry }) => sum + (mount ? entry.size : 0), 0)
  return [...layers].reduce((sum, digest) => sum + (sizes.get(digest) ?? 0), mounts)
}
