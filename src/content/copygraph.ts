import { checkCanceled, fail, Limit, streamOf } from '#base'
import type { ByteStream, Call, StatusProgress } from '#base'
import { chooseManifest, formatPlatform, isIndex, isManifest, parseIndex, successors } from '#oci'
import type { Descriptor, Platform } from '#oci'
import { readDocument } from './document.ts'
import type { ContentProvider, Lease, Target } from './types.ts'

/** What {@link copyGraph} writes to: any Target or ContentStore. */
export type CopyDestination = Pick<Target, 'has' | 'put'>

/** Which part of a graph is copied, and who hears of it. */
export interface CopyOptions extends Call {
  /** Blobs under way at once. Default 4. */
  readonly concurrency?: number
  /**
   * Which entries of an index are copied; default all. The index itself is copied as it is, so
   * what is left out must be allowed to be absent at the destination.
   */
  readonly select?: (
    manifests: readonly Descriptor[],
    index: Descriptor,
  ) => readonly Descriptor[] | Promise<readonly Descriptor[]>
  /** Leaves (configs, layers) that are not to be copied at all. */
  readonly exclude?: (leaf: Descriptor) => boolean
  /** Gets every digest before the destination is asked for it, so that gc keeps what turns out to be there. */
  readonly lease?: Lease
  /** The step that the progress of blobs belongs to. */
  readonly vertex?: string
  /** Called for each leaf that the destination has already. */
  readonly onSkip?: (leaf: Descriptor) => void
}

/** Indexes inside indexes. */
const DEPTH_LIMIT = 16
/** Documents in one graph: a bound for hostile indexes. */
const DOCUMENTS_LIMIT = 20_000

/**
 * Copies what a root descriptor reaches: children before parents, each once, bytes unchanged.
 * Manifests and indexes are always walked, even when the destination has them: it may hold a root
 * and lack a leaf (after a single-platform pull, or a gc). Only leaves that are present are skipped.
 */
export async function copyGraph(
  from: ContentProvider,
  to: CopyDestination,
  root: Descriptor,
  options: CopyOptions = {},
): Promise<void> {
  const stop = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal
  const copy = new GraphCopy(from, to, { ...options, signal })
  try {
    await copy.visit(root, 0)
  } catch (error) {
    stop.abort(error)
    await copy.settled()
    throw copy.firstError ?? error
  }
}

/** A `select` that takes the one entry that suits a platform best; `not_found` when none does. */
export function onePlatform(platform: Platform): NonNullable<CopyOptions['select']> {
  return (manifests) => [
    chooseManifest(manifests, platform) ??
      fail('not_found', `no image for ${formatPlatform(platform)} in this index`, {
        hint: `it has: ${manifests.flatMap((m) => (m.platform ? [formatPlatform(m.platform)] : [])).join(', ')}`,
      }),
  ]
}

/** A `select` that takes what `from` has: an archive of one platform may hold the index of many. */
export function onlyPresent(from: ContentProvider): NonNullable<CopyOptions['select']> {
  return async (manifests) => {
    const present = await Promise.all(manifests.map((m) => from.has(m)))
    return manifests.filter((_, i) => present[i])
  }
}

class GraphCopy {
  readonly #from: ContentProvider
  readonly #to: CopyDestination
  readonly #options: CopyOptions
  readonly #visits = new Map<string, Promise<void>>()
  readonly #limit: Limit
  #documents = 0
  firstError: unknown

  constructor(from: ContentProvider, to: CopyDestination, options: CopyOptions) {
    this.#from = from
    this.#to = to
    this.#options = options
    const { concurrency = 4 } = options
    if (!Number.isInteger(concurrency) || concurrency < 1) fail('invalid_argument', 'concurrency must be at least 1')
    this.#limit = new Limit(concurrency)
  }

  visit(d: Descriptor, depth: number): Promise<void> {
    const document = isIndex(d.mediaType) || isManifest(d.mediaType)
    // One digest may be named as a layer here and as a manifest there: the two are walked differently.
    const key = `${document ? d.mediaType : 'leaf'} ${d.digest} ${d.size}`
    const known = this.#visits.get(key)
    if (known) return known
    const visit = (document ? this.#document(d, depth) : this.#leaf(d)).catch((error: unknown) => {
      this.firstError ??= error
      throw error
    })
    this.#visits.set(key, visit)
    return visit
  }

  async settled(): Promise<void> {
    let seen = -1
    while (seen !== this.#visits.size) {
      seen = this.#visits.size
      await Promise.allSettled(this.#visits.values())
    }
  }

  async #document(d: Descriptor, depth: number): Promise<void> {
    if (depth > DEPTH_LIMIT) fail('resource_exhausted', `indexes nest deeper than ${DEPTH_LIMIT} levels at ${d.digest}`)
    if (++this.#documents > DOCUMENTS_LIMIT)
      fail('resource_exhausted', `more than ${DOCUMENTS_LIMIT} manifests in one graph`)
    const bytes = await this.#limit.run(() => {
      checkCanceled(this.#options)
      return readDocument(this.#from, d, this.#options)
    })
    const children = await this.#children(d, bytes)
    await Promise.all(children.map((child) => this.visit(child, depth + 1)))
    this.#options.lease?.add(d.digest)
    if (!(await this.#to.has(d, this.#options))) await this.#to.put(d, streamOf(bytes), this.#options)
  }

  async #children(d: Descriptor, bytes: Uint8Array): Promise<readonly Descriptor[]> {
    const { select } = this.#options
    if (!select || !isIndex(d.mediaType)) return successors(d.mediaType, bytes)
    return select(parseIndex(bytes, d.mediaType).manifests, d)
  }

  #leaf(d: Descriptor): Promise<void> {
    return this.#limit.run(async () => {
      const options = this.#options
      checkCanceled(options)
      if (options.exclude?.(d)) return
      options.lease?.add(d.digest)
      if (await this.#to.has(d, options)) return options.onSkip?.(d)
      // A layer that may not be distributed lives at its urls; its absence is no error.
      if (d.urls?.length && !(await this.#from.has(d, options))) return
      await this.#to.put(d, this.#counted(d, await this.#from.open(d, options)), options)
    })
  }

  #counted(d: Descriptor, bytes: ByteStream): ByteStream {
    const { progress, vertex } = this.#options
    return progress ? reported(d, bytes, progress, vertex) : bytes
  }
}

/** A record of how far a blob has come; by default all the way. */
export function blobStatus(d: Descriptor, vertex?: string): StatusProgress {
  const step = vertex === undefined ? {} : { vertex }
  const name = d.digest.slice(7, 19)
  return { kind: 'status', id: d.digest, ...step, name, current: d.size, total: d.size, unit: 'bytes', done: true }
}

/** The bytes, with a record of progress every MiB and at the end. */
export async function* reported(
  d: Descriptor,
  bytes: ByteStream,
  progress: NonNullable<Call['progress']>,
  vertex?: string,
): AsyncGenerator<Uint8Array, void, void> {
  const record = (current: number, done: boolean): void => progress({ ...blobStatus(d, vertex), current, done })
  let current = 0
  let reportedAt = 0
  record(0, false)
  for await (const chunk of bytes) {
    yield chunk
    current += chunk.length
    if (current - reportedAt < 1 << 20) continue
    reportedAt = current
    record(current, false)
  }
  record(current, true)
}
