import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openCacheMounts, type BuildHost } from '#build'
import type { ContentStore, Lease } from '#content'
import { guarded } from '#runtime'
import { openBuildNetwork } from '../network/build.ts'
import type { Parts } from '../parts.ts'
import type { PullPolicy } from '../types.ts'
import { imageResolver } from './base.ts'
import { distantLayers, type DistantLayers } from '../image/distant.ts'
import type { LazyBases } from './lazybase.ts'
import type { MeantBase } from './remembered.ts'

/** How one build uses the node. */
export interface BuildSession {
  readonly lease: Lease
  /** A directory of the build's own. */
  readonly workDir: string
  /** For base images. */
  readonly policy: PullPolicy
  /** Told what bases' names stand for. */
  readonly meant?: (base: MeantBase) => void
  readonly lazy?: LazyBases
}

/** The node as a build sees it. What its steps run ends with this process. */
export async function openBuildHost(parts: Parts, session: BuildSession): Promise<BuildHost & AsyncDisposable> {
  const [store, layers, snapshots, differ, runtime] = await Promise.all([
    parts.store(),
    parts.layers(),
    parts.snapshots(),
    parts.differ(),
    parts.runtime(),
  ])
  const { lease, workDir } = session
  const guardedRuntime = guarded(runtime)
  return {
    content: buildContent(store.leased(lease), await distantLayers(parts)),
    layers,
    snapshots,
    differ,
    runtime: guardedRuntime,
    db: parts.db,
    workDir,
    lease,
    resolveImage: await imageResolver(parts, session),
    openNetwork: networkOpener(parts, workDir),
    cacheMounts: openCacheMounts(parts.paths.cacheMounts),
    [Symbol.asyncDispose]: () => guardedRuntime[Symbol.asyncDispose](),
  }
}

/** The store, where layers that are kept as tars alone count as there: a base is listed the same on every machine. */
function buildContent(store: ContentStore, distant: DistantLayers): ContentStore {
  return {
    has: async (d, call) => (await store.has(d, call)) || distant.has(d, call),
    open: (d, call) => store.open(d, call),
    put: (d, bytes, call) => store.put(d, bytes, call),
    ingest: (ref, call) => store.ingest(ref, call),
    delete: (digest, call) => store.delete(digest, call),
    list: (call) => store.list(call),
  }
}

function networkOpener(parts: Parts, workDir: string): BuildHost['openNetwork'] {
  return async (request) => {
    const dir = join(workDir, `network-${crypto.randomUUID()}`)
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    const network = await openBuildNetwork(parts, request, dir)
    return {
      ...network,
      [Symbol.asyncDispose]: async () => {
        await network[Symbol.asyncDispose]()
        rmSync(dir, { recursive: true, force: true })
      },
    }
  }
}
