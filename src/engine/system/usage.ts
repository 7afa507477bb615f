import { openImage } from '#image'
import type { Digest } from '#oci'
import { written } from '../container/size.ts'
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
  const all = await diskSizes(
    parts,
    images.map((image) => image.digest),
  )
  const used = await diskSizes(
    parts,
    images.filter((image) => image.containers > 0).map((image) => image.digest),
  )
  const sum = (sizes: ReadonlyMap<Digest, number>): number => [...sizes.values()].reduce((a, b) => a + b, 0)
  return {
    type: 'Images',
    total: images.length,
    active: images.filter((image) => image.containers > 0).length,
    size: sum(all),
    reclaimable: sum(all) - sum(used),
  }
}

/** What images keep on disk: their layers' files and their blobs, each once. */
async function diskSizes(parts: Parts, roots: readonly Digest[]): Promise<Map<Digest, number>> {
  const [store, layers, names] = await Promise.all([parts.store(), parts.layers(), parts.names()])
  const sizes = new Map<Digest, number>()
  for (const digest of roots) {
    const root = names.withDigest(digest)[0]?.root ?? parts.containers.usingManifest(digest)[0]?.config.manifest
    if (!root) continue
    const image = await openImage(store, root)
    for (const blob of [root, image.descriptor, image.manifest.config, ...image.manifest.layers])
      sizes.set(blob.digest, store.stat(blob.digest)?.size ?? 0)
    for (const { diffId } of image.layers) sizes.set(diffId, layers.stat(diffId)?.diskSize ?? 0)
  }
  return sizes
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

/** What all images keep on disk, by digest. */
export async function imageSizes(parts: Parts): Promise<ReadonlyMap<Digest, number>> {
  const images = await listImages(parts, { all: true })
  return await diskSizes(
    parts,
    images.map((image) => image.digest),
  )
}

export async function details(parts: Parts): Promise<UsageDetails> {
  const images = await listImages(parts, { all: true })
  const sizes = await Promise.all(images.map((image) => diskSizes(parts, [image.digest])))
  const holders = new Map<Digest, number>()
  for (const one of sizes) for (const digest of one.keys()) holders.set(digest, (holders.get(digest) ?? 0) + 1)
  const shared = (one: ReadonlyMap<Digest, number>): number =>
    [...one].reduce((sum, [digest, bytes]) => sum + ((holders.get(digest) ?? 0) > 1 ? bytes : 0), 0)
  const total = (one: ReadonlyMap<Digest, number>): number => [...one.values()].reduce((a, b) => a + b, 0)
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
