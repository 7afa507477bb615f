import type { Digest } from '#oci'
import { written } from '../container/size.ts'
import { diskSizes } from '../image/disksizes.ts'
import { list as listImages } from '../image/list.ts'
import type { Parts } from '../parts.ts'
import type { UsageDetails, UsageRow } from '../types.ts'
import { bytesUnder, usersByVolume } from '../volume/users.ts'

/** What takes the room, and how much of it nothing needs: bytes on disk, shared layers counted once. */
export async function usage(parts: Parts): Promise<readonly UsageRow[]> {
  const [images, containers, volumes, cache] = [
    await imageRow(parts),
    await containerRow(parts),
    volumeRow(parts),
    await cacheRow(parts),
  ]
  return [images, containers, volumes, cache]
}

async function imageRow(parts: Parts): Promise<UsageRow> {
  const images = await listImages(parts, { all: true })
  const active = images.filter((image) => image.containers > 0)
  const size = total(await diskSizes(parts, images))
  const reclaimable = size - total(await diskSizes(parts, active))
  return { type: 'Images', total: images.length, active: active.length, size, reclaimable }
}

function total(sizes: ReadonlyMap<Digest, number>): number {
  return [...sizes.values()].reduce((a, b) => a + b, 0)
}

async function containerRow(parts: Parts): Promise<UsageRow> {
  const row = { type: 'Containers' as const, total: 0, active: 0, size: 0, reclaimable: 0 }
  for (const { id, state } of parts.containers.list()) {
    const bytes = await written(parts, id)
    const active = state === 'running' || state === 'paused' || state === 'starting'
    row.total++
    row.size += bytes
    if (active) row.active++
    else row.reclaimable += bytes
  }
  return row
}

function volumeRow(parts: Parts): UsageRow {
  const users = usersByVolume(parts.containers.list())
  const row = { type: 'Local Volumes' as const, total: 0, active: 0, size: 0, reclaimable: 0 }
  for (const { name, path } of parts.volumes.list()) {
    const bytes = bytesUnder(path)
    row.total++
    row.size += bytes
    if (users.has(name)) row.active++
    else row.reclaimable += bytes
  }
  return row
}

/** What only the build cache keeps: layers, and cache mounts. */
async function cacheRow(parts: Parts): Promise<UsageRow> {
  const { cacheUsage } = await import('../cache/prune.ts')
  const { entries, total, reclaimable } = await cacheUsage(parts)
  const active = entries.filter((entry) => entry.inUse).length
  return { type: 'Build Cache', total: entries.length, active, size: total, reclaimable }
}

/** What each image, container and volume takes. */
export async function details(parts: Parts): Promise<UsageDetails> {
  const images = await listImages(parts, { all: true })
  const sizes = await Promise.all(images.map((image) => diskSizes(parts, [image])))
  const holders = new Map<Digest, number>()
  for (const one of sizes) for (const digest of one.keys()) holders.set(digest, (holders.get(digest) ?? 0) + 1)
  const shared = (one: ReadonlyMap<Digest, number>): number =>
    [...one].reduce((sum, [digest, bytes]) => sum + ((holders.get(digest) ?? 0) > 1 ? bytes : 0), 0)
  const users = usersByVolume(parts.containers.list())
  return {
    images: images.map((image, i) => ({ ...image, size: total(sizes[i]!), shared: shared(sizes[i]!) })),
    containers: await Promise.all(
      parts.containers.list().map(async ({ id, name, image, state }) => ({
        id,
        name,
        image,
        state: state === 'starting' ? 'created' : state === 'removed' ? 'removing' : state,
        size: await written(parts, id),
      })),
    ),
    volumes: parts.volumes
      .list()
      .map(({ name, path }) => ({ name, users: users.get(name)?.length ?? 0, size: bytesUnder(path) })),
  }
}
