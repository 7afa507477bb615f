import type { Digest } from '#oci'
import { recordsFor } from '../cache.ts'
import type { BuildVertex, Stack } from '../ops/definition.ts'
import type { BuildHost } from '../types.ts'
import type { RemoteCaches } from './remote.ts'
import type { CacheContents, CacheMode } from './types.ts'

/** What a finished build leaves to send on. */
export interface SolvedGraph {
  /** Each vertex with its keys. */
  readonly keys: ReadonlyMap<BuildVertex, readonly Digest[]>
  readonly stacks: readonly Stack[]
  readonly base: ReadonlySet<Digest>
  readonly remote: RemoteCaches
}

/** The records that are worth sending. `min`: those whose layers the result has; whoever changes a stage runs it again. */
export async function cacheContents(host: BuildHost, graph: SolvedGraph, mode: CacheMode): Promise<CacheContents> {
  const { base, remote, stacks } = graph
  const inResult = new Set(stacks.flat())
  const records = new Map<Digest, readonly Digest[]>()
  for (const key of new Set([...graph.keys.values()].flat())) {
    const own = recordsFor(host.db, key)
    const imported = own.length === 0 ? await remote.find(key) : undefined
    for (const record of imported ? [{ key, layers: imported }] : own)
      if (mode === 'max' || record.layers.every((layer) => inResult.has(layer))) records.set(record.key, record.layers)
  }
  const sizes = new Map<Digest, number>()
  for (const layer of new Set([...records.values()].flat()))
    sizes.set(layer, host.layers.stat(layer)?.tarSize ?? (await remote.sizeOf(layer)) ?? 0)
  return {
    records: [...records].map(([key, stack]) => ({ key, stack })),
    base,
    sizeOf: (diffId) => sizes.get(diffId) ?? 0,
  }
}
