import { fail, text } from '#base'
import { isDigest, type Digest } from '#oci'
import * as v from 'valibot'
import type { CacheContents, CacheDocument } from './types.ts'

/** The artifact type of a build cache's manifest. */
export const CACHE_TYPE = 'application/vnd.cairn.buildcache.v1'
export const CACHE_CONFIG = 'application/vnd.cairn.buildcache.config.v1+json'

/** Bytes of the document. */
export const CACHE_DOCUMENT_LIMIT: number = 64 << 20
const LAYERS = 100_000
const RECORDS = 200_000
/** Layers of one stack: overlayfs takes no more. */
const STACK = 512

const digest = v.custom<Digest>((value) => typeof value === 'string' && isDigest(value), 'not a digest')
const index = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(LAYERS))

const schema: v.GenericSchema<unknown, CacheDocument> = v.object({
  version: v.literal(1),
  layers: v.pipe(
    v.array(
      v.object({
        diffId: digest,
        size: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER)),
        blob: v.exactOptional(index),
      }),
    ),
    v.maxLength(LAYERS),
  ),
  records: v.pipe(
    v.array(v.object({ key: digest, stack: v.pipe(v.array(index), v.maxLength(STACK)) })),
    v.maxLength(RECORDS),
  ),
})

/** Reads what anybody may have written: `invalid_argument` for all that is not a cache of this version. */
export function parseCacheDocument(bytes: Uint8Array, blobs: number): CacheDocument {
  const result = v.safeParse(schema, parsed(bytes))
  if (!result.success) {
    const [issue] = result.issues
    return fail('invalid_argument', `malformed build cache: ${v.getDotPath(issue) ?? 'the whole'}: ${issue.message}`)
  }
  const { layers, records } = result.output
  if (layers.some(({ blob }) => blob !== undefined && blob >= blobs))
    fail('invalid_argument', `malformed build cache: it names more than its ${blobs} blobs`)
  if (records.some(({ stack }) => stack.some((layer) => layer >= layers.length)))
    fail('invalid_argument', `malformed build cache: it names more than its ${layers.length} layers`)
  return result.output
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(text(bytes)) as unknown
  } catch (error) {
    return fail('invalid_argument', 'malformed build cache: it is not JSON', { cause: error })
  }
}

/** The document of some records, and the layers whose blobs it needs, in its manifest's order. Equal contents, equal bytes. */
export function cacheDocument(contents: CacheContents): {
  readonly document: CacheDocument
  readonly blobs: readonly Digest[]
} {
  const records = contents.records.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
  const diffIds = [...new Set(records.flatMap(({ stack }) => stack))].toSorted()
  const blobs = diffIds.filter((diffId) => !contents.base.has(diffId))
  const places = new Map(diffIds.map((diffId, i) => [diffId, i]))
  const blobPlaces = new Map(blobs.map((diffId, i) => [diffId, i]))
  const document: CacheDocument = {
    version: 1,
    layers: diffIds.map((diffId) => {
      const blob = blobPlaces.get(diffId)
      return { diffId, size: contents.sizeOf(diffId), ...(blob === undefined ? {} : { blob }) }
    }),
    records: records.map(({ key, stack }) => ({ key, stack: stack.map((diffId) => places.get(diffId)!) })),
  }
  return { document, blobs }
}
