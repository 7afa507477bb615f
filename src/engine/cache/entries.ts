import { cacheRecords, openCacheMounts, type CacheMountInfo, type CacheRecord } from '#build'
import { leasedItems } from '#content'
import type { Digest } from '#oci'
import { diskSizes } from '../image/disksizes.ts'
import { list as listImages } from '../image/list.ts'
import type { Parts } from '../parts.ts'
import { bytesUnder } from '../volume/users.ts'
import type { CacheEntry } from './types.ts'

/** A result that some records lead to, or a cache mount: what is listed and pruned as one. */
export interface Kept {
  readonly entry: CacheEntry
  /** Records that lead to it. */
  readonly keys: readonly Digest[]
  /** All of its layers, those below it included. */
  readonly layers: readonly Digest[]
  readonly mount?: CacheMountInfo
}

/** Everything that the build cache has, and what each layer that no image has takes. */
export interface CacheContents {
  readonly kept: readonly Kept[]
  readonly sizes: ReadonlyMap<Digest, number>
}

/** What the build cache keeps, the most recently used first. */
export async function cacheContents(parts: Parts): Promise<CacheContents> {
  const layers = await parts.layers()
  const inImages = await diskSizes(parts, await listImages(parts, { all: true }))
  const sizes = new Map<Digest, number>()
  const groups = results(cacheRecords(parts.db))
  for (const digest of new Set(groups.flatMap((group) => group.layers)))
    if (!inImages.has(digest)) sizes.set(digest, layers.stat(digest)?.diskSize ?? 0)
  const leased = new Set(parts.db.immediate(() => leasedItems(parts.db)).map(({ digest }) => digest))
  const kept = [
    ...groups.map((group) => ofResult(group, { sizes, leased })),
    ...openCacheMounts(parts.paths.cacheMounts).list().map(ofMount),
  ]
  return { kept: kept.toSorted((a, b) => b.entry.used - a.entry.used), sizes }
}

interface Result {
  readonly id: string
  readonly layers: readonly Digest[]
  readonly keys: Digest[]
  readonly name: string
  readonly created: number
  used: number
  parent?: Result
}

/** Records by what they lead to; a result below another was used when that was. */
function results(records: readonly CacheRecord[]): Result[] {
  const byLayers = new Map<string, Result>()
  for (const { key, layers, name, created, used } of records) {
    const id = idOf(layers)
    const known = byLayers.get(id)
    if (known) known.keys.push(key)
    else byLayers.set(id, { id, layers, keys: [key], name, created, used })
  }
  const all = [...byLayers.values()].toSorted((a, b) => b.layers.length - a.layers.length)
  for (const result of all)
    for (let length = result.layers.length - 1; length > 0 && !result.parent; length--) {
      const below = byLayers.get(idOf(result.layers.slice(0, length)))
      if (below) result.parent = below
    }
  for (const result of all) if (result.parent) result.parent.used = Math.max(result.parent.used, result.used)
  return all
}

function idOf(layers: readonly Digest[]): string {
  return new Bun.CryptoHasher('sha256').update(layers.join()).digest('hex').slice(0, 24)
}

function ofResult(
  result: Result,
  { sizes, leased }: { readonly sizes: ReadonlyMap<Digest, number>; readonly leased: ReadonlySet<Digest> },
): Kept {
  const { id, layers, keys, name, created, used, parent } = result
  const own = new Set(layers.slice(parent?.layers.length ?? 0))
  const top = layers.at(-1)
  const inUse = top !== undefined && leased.has(top)
  return {
    keys,
    layers,
    entry: {
      id,
      type: 'regular',
      description: name,
      size: [...own].reduce((sum, digest) => sum + (sizes.get(digest) ?? 0), 0),
      created,
      used,
      inUse,
      // Nothing of it is the cache's alone.
      shared: layers.length > 0 && ![...own].some((digest) => sizes.has(digest)),
      parents: parent ? [parent.id] : [],
    },
  }
}

function ofMount(mount: CacheMountInfo): Kept {
  const { key, id, namespace, created, used, inUse } = mount
  return {
    keys: [],
    layers: [],
    mount,
    entry: {
      id: key.slice(0, 24),
      type: 'exec.cachemount',
      description: `cache mount ${namespace === '' ? '' : `${namespace}/`}${id}`,
      size: mount.paths.reduce((sum, path) => sum + bytesUnder(path), 0),
      created,
      used,
      inUse,
      shared: false,
      parents: [],
    },
  }
}
