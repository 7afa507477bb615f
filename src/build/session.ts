import { mkdirSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import { CairnError, messageOf, type Call } from '#base'
import type { OpenedImage } from '#image'
import type { Digest } from '#oci'
import { openCache, type BuildCache } from './cache.ts'
import { digestData } from './digest.ts'
import type { Plan } from './dockerfile/plan/plan.ts'
import type { BuildVertex, Definition, Stack } from './ops/definition.ts'
import { hideState } from './ops/mounts/private.ts'
import { opOf } from './ops/ops.ts'
import { withView, type StepEnvironment } from './ops/step.ts'
import type { SolvedGraph } from './remotecache/contents.ts'
import { bringing, layeredCache } from './remotecache/layered.ts'
import { RemoteCaches } from './remotecache/remote.ts'
import { Secrets } from './secrets.ts'
import { solveAll } from './solver/solve.ts'
import { commitTime } from './source/git/commits.ts'
import type { SecretReader } from './source/http/request.ts'
import { LocalTrees, type LocalDirectory } from './source/localtrees.ts'
import type { SourceTree } from './source/tree.ts'
import { StepLog } from './why/log.ts'
import { StepTable } from './why/table.ts'
import type { BuildHost, BuildOptions, CacheMap, Op, ResolvedSource } from './types.ts'

export interface Solved {
  /** One per plan. */
  readonly stacks: readonly Stack[]
  readonly steps: number
  readonly cached: number
  readonly graph: SolvedGraph
}

/** One build: everything that its vertices share, from the first look at a remote context to the last step. */
export class BuildSession implements Disposable {
  readonly trees: LocalTrees
  /** Local trees by name, to be filled before something reads them. */
  readonly directories: Map<string, LocalDirectory> = new Map()
  readonly secret: SecretReader = (id) => this.#secrets.get(id)
  readonly #sources = new Map<Digest, ResolvedSource>()
  readonly #ops = new Map<Digest, Op<Stack>>()
  readonly #mapped = new Map<Digest, Digest>()
  readonly #secrets: Secrets
  #scratchPath: string | undefined
  readonly #copies: StepEnvironment['copies'] = new Map()
  #hidden: Disposable | undefined
  readonly #host: BuildHost
  readonly #options: BuildOptions
  readonly #own: BuildCache
  #remote: RemoteCaches
  #cache: BuildCache
  readonly #images = new Map<Digest, OpenedImage>()

  constructor(host: BuildHost, options: BuildOptions, call?: Call) {
    this.#host = bringing(host, (layers, inner) => this.#remote.bring(layers, inner))
    this.#options = options
    this.#secrets = new Secrets(options.secrets)
    this.trees = new LocalTrees(host.db, this.directories)
    this.#own = openCache(host.db, host.layers, host.lease)
    this.#remote = new RemoteCaches(host, { sources: options.cacheFrom ?? [], images: this.#images }, call)
    this.#cache = layeredCache(host, this.#own, this.#remote)
  }

  /** A directory for what is fetched, until it is a layer; gone with the build. */
  get scratch(): string {
    if (this.#scratchPath === undefined) {
      this.#scratchPath = join(this.#host.workDir, `sources-${crypto.randomUUID()}`)
      mkdirSync(this.#scratchPath, { recursive: true, mode: 0o700 })
    }
    return this.#scratchPath
  }

  /** Solves the plans of all platforms as one graph: what they share is done once. */
  async solve(plans: readonly Plan[], call?: Call): Promise<Solved> {
    for (const plan of plans) for (const [digest, image] of plan.images) this.#images.set(digest, image)
    const targets = plans.flatMap(({ state }) => state.vertex ?? [])
    try {
      return await this.#solveOnce(plans, targets, call)
    } catch (error) {
      if (this.#remote.failure === undefined || call?.signal?.aborted) throw error
      const message = `a cache lacks what it promised, so the build goes on without: ${messageOf(this.#remote.failure)}`
      call?.progress?.({ kind: 'warning', message })
      this.#remote = new RemoteCaches(this.#host, { sources: [], images: this.#images })
      this.#cache = this.#own
      this.#ops.clear()
      return await this.#solveOnce(plans, targets, call)
    }
  }

  async #solveOnce(plans: readonly Plan[], targets: readonly BuildVertex[], call?: Call): Promise<Solved> {
    const log = new StepLog(new StepTable(this.#host.db, this.#project()), this.trees)
    const { results, keys, ...counts } = await this.#run(targets, call, log).finally(() => this.#explain(log))
    const found = new Map(targets.map((target, i) => [target, results[i]!]))
    const stacks = plans.map(({ state }) => (state.vertex ? found.get(state.vertex)! : []))
    if (!this.#options.recordsOnly) await this.#remote.bring(stacks.flat(), call)
    const base = new Set([...this.#images.values()].flatMap((image) => image.layers.map(({ diffId }) => diffId)))
    return { stacks, ...counts, graph: { keys, stacks, base, remote: this.#remote } }
  }

  /** What the own part of each vertex's key turned out to be, as far as it was asked for. */
  digests(): ReadonlyMap<Digest, Digest> {
    return this.#mapped
  }

  /** The tree that a vertex makes, while `work` looks at it. */
  async view<T>(target: BuildVertex, work: (tree: SourceTree) => Promise<T>, call?: Call): Promise<T> {
    const { results } = await this.#run([target], call)
    return await withView(this.#host, results[0]!, work, call)
  }

  /** When the commit was made that a git vertex, viewed before, is at. */
  commitTime({ def }: BuildVertex): number | undefined {
    const source = this.#sources.get(digestData(def))
    return source?.kind === 'git' ? commitTime(this.#host.db, source.digest) : undefined
  }

  /** What came from outside, each once. */
  resolved(): readonly ResolvedSource[] {
    return [...this.#sources.values()]
  }

  [Symbol.dispose](): void {
    this.trees.save()
    this.#cache.close()
    this.trees[Symbol.dispose]()
    this.#hidden?.[Symbol.dispose]()
    if (this.#scratchPath !== undefined) rmSync(this.#scratchPath, { recursive: true, force: true })
  }

  /** Builds of one Dockerfile in one place are compared with each other. */
  #project(): string {
    const { context, dockerfile } = this.#options
    return digestData([context === undefined ? '' : resolve(context), dockerfile ?? ''])
  }

  #explain(log: StepLog): void {
    const { explain } = this.#options
    try {
      const reasons = log.finish(explain !== undefined)
      explain?.(reasons)
    } catch (error) {
      // A file that went away in the meantime: the build's own error, or its result, is what counts.
      if (!(error instanceof CairnError)) throw error
    }
  }

  #run(
    targets: readonly BuildVertex[],
    call?: Call,
    observer?: StepLog,
  ): ReturnType<typeof solveAll<Definition, Stack>> {
    const { parallelism = Math.max(2, availableParallelism()), noCache = false } = this.#options
    const { shared } = this.#host
    const op = (asked: BuildVertex): Op<Stack> => this.#op(asked)
    return solveAll<Definition, Stack>(
      targets,
      { op, cache: this.#cache, parallelism, noCache, ...(observer && { observer }), ...(shared && { shared }) },
      call,
    )
  }

  /** A context that was looked into before there was a plan is neither asked for nor fetched again. */
  #op(asked: BuildVertex): Op<Stack> {
    let op = this.#ops.get(asked.digest)
    if (!op) this.#ops.set(asked.digest, (op = this.#onceOnly(asked, opOf(asked, this.#environment()))))
    return op
  }

  #environment(): StepEnvironment {
    return {
      host: this.#host,
      trees: this.trees,
      images: this.#images,
      secrets: this.#secrets,
      hideState: () => (this.#hidden ??= hideState(this.#host.runtime.stateDir)),
      ssh: this.#options.ssh ?? {},
      limits: this.#options,
      scratch: () => this.scratch,
      copies: this.#copies,
      resolved: (def, source) => void this.#sources.set(digestData(def), source),
    }
  }

  #onceOnly({ digest }: BuildVertex, op: Op<Stack>): Op<Stack> {
    let map: Promise<CacheMap<Stack>> | undefined
    let result: Promise<Stack> | undefined
    const mapped = async (call?: Call): Promise<CacheMap<Stack>> => {
      const found = await op.cacheMap(call)
      this.#mapped.set(digest, found.digest)
      return found
    }
    return {
      cacheMap: (call) => (map ??= mapped(call)),
      exec: (inputs, call) => (result ??= op.exec(inputs, call)),
    }
  }
}
