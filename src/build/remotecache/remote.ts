import { Limit, messageOf, type ByteStream, type Call } from '#base'
import type { OpenedImage } from '#image'
import type { Digest } from '#oci'
import { addBaseLayer } from '../ops/image.ts'
import type { BuildHost } from '../types.ts'
import type { RemoteCache, RemoteLayer } from './open.ts'
import type { CacheSource } from './types.ts'

const LAYERS_AT_ONCE = 4

/**
 * The caches that a build was given. Nothing is asked for before a record is missing here, and no layer is moved
 * before something reads it. A cache that cannot be had is a warning: the build goes on without.
 */
export class RemoteCaches {
  readonly #host: BuildHost
  readonly #sources: readonly CacheSource[]
  readonly #call: Call | undefined
  readonly #bases: ReadonlyMap<Digest, OpenedImage>
  readonly #limit = new Limit(LAYERS_AT_ONCE)
  readonly #moving = new Map<Digest, Promise<void>>()
  /** Why a layer that a cache promised could not be had. */
  failure: unknown
  #opened: Promise<readonly RemoteCache[]> | undefined

  constructor(
    host: BuildHost,
    from: { readonly sources: readonly CacheSource[]; readonly images: ReadonlyMap<Digest, OpenedImage> },
    call?: Call,
  ) {
    this.#host = host
    this.#sources = from.sources
    this.#bases = from.images
    this.#call = call
  }

  /** The stack of a record whose every layer can be had. */
  async find(key: Digest): Promise<readonly Digest[] | undefined> {
    if (this.#sources.length === 0) return undefined
    for (const { records } of await this.#caches()) {
      const stack = records.get(key)
      if (stack && (await this.#canHave(stack))) return stack
    }
    return undefined
  }

  /** Fetches the layers of a stack that are not here: several at once, each once. */
  async bring(stack: readonly Digest[], call?: Call): Promise<void> {
    await Promise.all(
      stack
        .filter((diffId) => this.#host.layers.stat(diffId) === undefined)
        .map((diffId) => {
          let moving = this.#moving.get(diffId)
          if (!moving) this.#moving.set(diffId, (moving = this.#limit.run(() => this.#fetch(diffId, call))))
          return moving
        }),
    )
  }

  /** Where a layer that is not here can be had. */
  async layer(diffId: Digest): Promise<RemoteLayer | undefined> {
    if (this.#opened === undefined) return undefined
    for (const cache of await this.#opened) {
      const layer = cache.layers.get(diffId)
      if (layer) return layer
    }
    return undefined
  }

  /** Bytes of a layer's tar, as a cache says. */
  async sizeOf(diffId: Digest): Promise<number | undefined> {
    for (const cache of (await this.#opened) ?? []) {
      const size = cache.sizes.get(diffId)
      if (size !== undefined) return size
    }
    return undefined
  }

  async #fetch(diffId: Digest, call?: Call): Promise<void> {
    const { layers, lease } = this.#host
    lease.add(diffId)
    const base = this.#baseLayer(diffId)
    if (base) return addBaseLayer(this.#host, base, call)
    const remote = await this.layer(diffId)
    if (!remote) return
    const { descriptor, content } = remote
    const id = `cache ${diffId}`
    const step = {
      kind: 'vertex',
      id,
      name: `importing cached layer ${diffId.slice(7, 19)}`,
      started: Date.now(),
    } as const
    call?.progress?.(step)
    const open = (): Promise<ByteStream> => content.open(descriptor, { ...call, verify: false })
    try {
      await layers.add({ descriptor, diffId }, open, undefined, call)
    } catch (error) {
      if (!call?.signal?.aborted) this.failure ??= error
      throw error
    } finally {
      call?.progress?.({ ...step, completed: Date.now() })
    }
  }

  #baseLayer(diffId: Digest): OpenedImage['layers'][number] | undefined {
    for (const image of this.#bases.values()) {
      const layer = image.layers.find((candidate) => candidate.diffId === diffId)
      if (layer) return layer
    }
    return undefined
  }

  async #canHave(stack: readonly Digest[]): Promise<boolean> {
    for (const diffId of stack)
      if (!this.#host.layers.stat(diffId) && !this.#baseLayer(diffId) && !(await this.layer(diffId))) return false
    return true
  }

  #caches(): Promise<readonly RemoteCache[]> {
    return (this.#opened ??= Promise.all(this.#sources.map((source) => this.#open(source))).then((all) => all.flat()))
  }

  async #open(source: CacheSource): Promise<readonly RemoteCache[]> {
    const progress = this.#call?.progress
    const step = {
      kind: 'vertex',
      id: `cache ${source.name}`,
      name: `importing cache from ${source.name}`,
      started: Date.now(),
    } as const
    progress?.(step)
    try {
      const { openCacheSource } = await import('./open.ts')
      const cache = await openCacheSource(source, this.#call)
      progress?.({ ...step, completed: Date.now() })
      return [cache]
    } catch (error) {
      if (this.#call?.signal?.aborted) throw error
      progress?.({ ...step, completed: Date.now() })
      progress?.({ kind: 'warning', message: `no cache from ${source.name}: ${messageOf(error)}` })
      return []
    }
  }
}
