import { checkCanceled, isCode, Limit, type Call } from '#base'
import type { Digest } from '#oci'
import { digestText } from '../digest.ts'
import { withLocation } from '../location.ts'
import type { CacheMap, CacheStorage, Op, Vertex } from '../types.ts'
import type { SolveObserver } from './observer.ts'
import { Report } from './report.ts'
import type { SharedWork } from './shared.ts'

/** How a graph is solved. */
export interface SolveOptions<D, R> {
  /** How a vertex is evaluated. Asked once per vertex. */
  readonly op: (vertex: Vertex<D>) => Op<R>
  readonly cache: CacheStorage<R>
  /** Ops that run at once. */
  readonly parallelism: number
  /** Ask for no record; record all the same. */
  readonly noCache?: boolean
  readonly observer?: SolveObserver<D, R>
  /** With other builds of this process; its limit then counts instead of `parallelism`. */
  readonly shared?: SharedWork<R>
}

/** A result, and how much of it had to be made. */
export interface Solution<R> {
  readonly result: R
  /** Vertices that the result has, and how many of them a record answered. */
  readonly steps: number
  readonly cached: number
}

/**
 * Finds the result of a vertex: keys first, without running anything; results only when a key misses; content
 * digests only when the definition key misses; each vertex once. After a failure or a cancellation nothing is
 * left running: the first error is thrown when the last op has ended.
 */
export async function solve<D, R>(target: Vertex<D>, options: SolveOptions<D, R>, call?: Call): Promise<Solution<R>> {
  const { results, steps, cached } = await solveAll([target], options, call)
  return { result: results[0]!, steps, cached }
}

/** What {@link solveAll} found: results in the order of their targets. */
export interface Solutions<R, D = unknown> extends Omit<Solution<R>, 'result'> {
  readonly results: readonly R[]
  /** Every vertex with the keys under which its result is recorded, as far as they were needed. */
  readonly keys: ReadonlyMap<Vertex<D>, readonly Digest[]>
}

/** The same for several vertices at once: what they share is done once. */
export async function solveAll<D, R>(
  targets: readonly Vertex<D>[],
  options: SolveOptions<D, R>,
  call?: Call,
): Promise<Solutions<R, D>> {
  return await new Solver(options, call).solve(targets)
}

class Solver<D, R> {
  readonly #options: SolveOptions<D, R>
  readonly #limit: Limit
  readonly #report: Report<D, R>
  readonly #stop = new AbortController()
  readonly #signal: AbortSignal
  readonly #ops = new Map<Digest, Op<R>>()
  readonly #maps = new Map<Digest, Promise<CacheMap<R>>>()
  readonly #keys = new Map<Digest, Promise<Digest>>()
  readonly #contentKeys = new Map<Digest, Digest>()
  readonly #results = new Map<Digest, Promise<R>>()
  readonly #tainted = new Map<Digest, boolean>()
  #failure: { readonly error: unknown } | undefined

  constructor(options: SolveOptions<D, R>, call: Call | undefined) {
    this.#options = options
    this.#limit = options.shared?.limit ?? new Limit(options.parallelism)
    this.#report = new Report(call, options.observer)
    this.#signal = call?.signal ? AbortSignal.any([call.signal, this.#stop.signal]) : this.#stop.signal
  }

  async solve(targets: readonly Vertex<D>[]): Promise<Solutions<R, D>> {
    const all = reachable(targets)
    for (const vertex of all) this.#report.announce(vertex)
    try {
      const results = await Promise.all(targets.map((target) => this.#result(target)))
      const keys = await this.#recorded(all)
      return { results, keys, steps: all.filter((vertex) => !vertex.internal).length, cached: this.#report.cached }
    } catch (error) {
      this.#stop.abort(error)
      // An op that starts another while we wait makes a new entry, so wait until there is nothing new.
      for (let seen = -1; seen !== this.#pending().length;) {
        seen = this.#pending().length
        await Promise.allSettled(this.#pending())
      }
      throw this.#failure?.error ?? error
    }
  }

  async #recorded(all: readonly Vertex<D>[]): Promise<Map<Vertex<D>, readonly Digest[]>> {
    const keys = new Map<Vertex<D>, readonly Digest[]>()
    for (const vertex of all) {
      const key = await this.#keys.get(vertex.digest)
      const content = this.#contentKeys.get(vertex.digest)
      if (key !== undefined) keys.set(vertex, content === undefined ? [key] : [key, content])
    }
    return keys
  }

  #pending(): readonly Promise<unknown>[] {
    return [...this.#maps.values(), ...this.#keys.values(), ...this.#results.values()]
  }

  #result(vertex: Vertex<D>): Promise<R> {
    return once(this.#results, vertex.digest, () => this.#guard(vertex, () => this.#find(vertex)))
  }

  async #find(vertex: Vertex<D>): Promise<R> {
    const { cache } = this.#options
    const map = await this.#map(vertex)
    const key = await this.#key(vertex)
    const known = this.#isTainted(vertex) ? undefined : await this.#load(vertex, map, key)
    if (known !== undefined) {
      this.#report.hit(vertex, known)
      return known
    }
    const inputs = await Promise.all(vertex.inputs.map((input) => this.#result(input)))
    const contentKey = await this.#contentKey(vertex, map, inputs)
    if (contentKey !== undefined) this.#contentKeys.set(vertex.digest, contentKey)
    const same = contentKey === undefined ? undefined : await this.#load(vertex, map, contentKey)
    if (same !== undefined) {
      await cache.save(key, same, { name: vertex.name })
      this.#report.hit(vertex, same)
      return same
    }
    const run = (): Promise<R> => this.#limit.run(() => this.#run(vertex, inputs))
    const { shared } = this.#options
    let isOthers = false
    const result = await (shared ? shared.once(contentKey ?? key, run, () => (isOthers = true)) : run())
    if (isOthers) this.#report.hit(vertex, result)
    if (!map.transient) {
      await cache.save(key, result, { name: vertex.name })
      if (contentKey !== undefined) await cache.save(contentKey, result, { name: vertex.name })
    }
    return result
  }

  async #run(vertex: Vertex<D>, inputs: readonly R[]): Promise<R> {
    this.#checkStopped()
    return await this.#report.ran(vertex, this.#signal, (call) => this.#op(vertex).exec(inputs, call))
  }

  async #load(vertex: Vertex<D>, map: CacheMap<R>, key: Digest): Promise<R | undefined> {
    const isFresh = this.#options.noCache === true || vertex.fresh === true
    return isFresh || map.transient ? undefined : await this.#options.cache.load(key, { name: vertex.name })
  }

  /** Something that it reads, however far below, is to run again: only content can tell whether it has to as well. */
  #isTainted(vertex: Vertex<D>): boolean {
    let tainted = this.#tainted.get(vertex.digest)
    if (tainted === undefined) {
      tainted = vertex.inputs.some((input) => input.fresh === true || this.#isTainted(input))
      this.#tainted.set(vertex.digest, tainted)
    }
    return tainted
  }

  #op(vertex: Vertex<D>): Op<R> {
    let op = this.#ops.get(vertex.digest)
    if (!op) this.#ops.set(vertex.digest, (op = this.#options.op(vertex)))
    return op
  }

  #map(vertex: Vertex<D>): Promise<CacheMap<R>> {
    return once(this.#maps, vertex.digest, () =>
      this.#guard(vertex, () => this.#op(vertex).cacheMap(this.#report.asked(vertex, this.#signal))),
    )
  }

  /** The definition key: the op's own digest and the keys of what it reads. */
  #key(vertex: Vertex<D>): Promise<Digest> {
    return once(this.#keys, vertex.digest, async () => {
      const [map, ...inputs] = await Promise.all([this.#map(vertex), ...vertex.inputs.map((input) => this.#key(input))])
      const key = combine('definition', map.digest, inputs)
      this.#options.observer?.keyed(vertex, key)
      return key
    })
  }

  /** The key by content, or undefined when no input can be reduced to any. */
  async #contentKey(vertex: Vertex<D>, map: CacheMap<R>, inputs: readonly R[]): Promise<Digest | undefined> {
    if (!map.deps.some((dep) => dep.contentDigest)) return undefined
    this.#checkStopped()
    const parts = vertex.inputs.map(async (input, i) => {
      const reduce = map.deps[i]?.contentDigest
      return reduce ? await reduce(inputs[i]!, { signal: this.#signal }) : await this.#key(input)
    })
    return combine('content', map.digest, await Promise.all(parts))
  }

  /** The first error that is not a mere consequence of stopping is the one that is told, at its place. */
  async #guard<T>(vertex: Vertex<D>, work: () => Promise<T>): Promise<T> {
    try {
      this.#checkStopped()
      return await work()
    } catch (error) {
      const placed = withLocation(error, vertex.location)
      if (!this.#failure && !(this.#stop.signal.aborted && isCode(error, 'canceled'))) {
        this.#failure = { error: placed }
        this.#stop.abort(placed)
      }
      throw placed
    }
  }

  #checkStopped(): void {
    checkCanceled({ signal: this.#signal })
  }
}

/** One promise per digest; one that fails unheard is heard in `solve`. */
function once<T>(memo: Map<Digest, Promise<T>>, digest: Digest, make: () => Promise<T>): Promise<T> {
  let promise = memo.get(digest)
  if (!promise) {
    promise = make()
    promise.catch(() => {})
    memo.set(digest, promise)
  }
  return promise
}

/** Keys of the two kinds can never be equal by accident. */
function combine(kind: 'definition' | 'content', digest: Digest, inputs: readonly Digest[]): Digest {
  return digestText([kind, digest, ...inputs].join('\n'))
}

/** Every vertex once, inputs before those that read them. */
export function reachable<D>(targets: readonly Vertex<D>[]): Vertex<D>[] {
  const seen = new Map<Digest, Vertex<D>>()
  const visit = (vertex: Vertex<D>, entered: Set<Digest>): void => {
    if (entered.has(vertex.digest)) return
    entered.add(vertex.digest)
    for (const input of vertex.inputs) visit(input, entered)
    seen.set(vertex.digest, vertex)
  }
  for (const target of targets) visit(target, new Set())
  return [...seen.values()]
}
