import { collect, fail, type Call } from '#base'
import { readDocument, type ContentProvider } from '#content'
import { isManifest, parseManifest, type Descriptor, type Digest, type Manifest } from '#oci'
import { CACHE_CONFIG, CACHE_DOCUMENT_LIMIT, CACHE_TYPE, parseCacheDocument } from './document.ts'
import type { CacheSource, FoundCache } from './types.ts'

/** Caches that refer to one image: more are not looked at. */
const REFERRERS = 16

/** A layer that can be fetched. */
export interface RemoteLayer {
  readonly descriptor: Descriptor
  readonly content: ContentProvider
}

/** One cache, its layers not yet moved. */
export interface RemoteCache {
  readonly records: ReadonlyMap<Digest, readonly Digest[]>
  readonly layers: ReadonlyMap<Digest, RemoteLayer>
  /** Bytes of the layers' tars. */
  readonly sizes: ReadonlyMap<Digest, number>
}

/** Reads what a cache says. */
export async function openCacheSource(source: CacheSource, call?: Call): Promise<RemoteCache> {
  const found = await source.open(call)
  const manifest = (await cacheManifest(found, call)) ?? fail('not_found', `${source.name} holds no build cache`)
  const { config } = manifest
  if (config.mediaType !== CACHE_CONFIG) fail('invalid_argument', `${source.name} is no build cache of this version`)
  if (config.size > CACHE_DOCUMENT_LIMIT)
    fail('resource_exhausted', `the build cache ${source.name} says it has ${config.size} bytes of records`)
  const bytes = await collect(await found.from.open(config, call), config.size)
  const { layers, records } = parseCacheDocument(bytes, manifest.layers.length)
  return {
    records: new Map(records.map(({ key, stack }) => [key, stack.map((i) => layers[i]!.diffId)])),
    layers: new Map(
      layers.flatMap(({ diffId, blob }) =>
        blob === undefined ? [] : [[diffId, { descriptor: manifest.layers[blob]!, content: found.from }] as const],
      ),
    ),
    sizes: new Map(layers.map(({ diffId, size }) => [diffId, size])),
  }
}

/** The root itself, or what refers to it. */
async function cacheManifest({ from, root }: FoundCache, call?: Call): Promise<Manifest | undefined> {
  const own = await read(from, root, call)
  if (own) return own
  let seen = 0
  for await (const referrer of from.referrers?.(root, call) ?? []) {
    if (++seen > REFERRERS) return undefined
    const manifest = await read(from, referrer, call)
    if (manifest) return manifest
  }
  return undefined
}

async function read(from: ContentProvider, d: Descriptor, call?: Call): Promise<Manifest | undefined> {
  if (!isManifest(d.mediaType)) return undefined
  const manifest = parseManifest(await readDocument(from, d, call), d.mediaType)
  return manifest.artifactType === CACHE_TYPE ? manifest : undefined
}
