import type { Call } from '#base'
import { matchesRepository, tagExpression } from './config.ts'
import type { ResolvedConfig } from './configtypes.ts'
import { bodyLimits } from './http/body.ts'
import { documentCache } from './http/service.ts'
import type { RegistryEvent, Service } from './http/service.ts'
import { openUploads } from './http/uploadsessions.ts'
import type { Metrics } from './metrics.ts'
import { openRepositories } from './repositories.ts'
import type { Repositories } from './repositories.ts'
import type { Collected } from './serve.ts'
import type { RegistryStorage } from './types.ts'
import { collectRegistry } from './upkeep/collect.ts'
import { openQuotas } from './upkeep/quota.ts'
import { openUpstreams } from './upkeep/upstream.ts'
import { openWebhooks } from './upkeep/webhook.ts'

/** Bytes of manifests kept in memory. */
const DOCUMENTS = 32 * 1024 * 1024

/** A service with what runs beside it. */
export interface Composed {
  readonly service: Service
  collect(call?: Call): Promise<Collected>
  startUpkeep(): Disposable
  close(): Promise<void>
}

/** What a registry serves. */
export interface KeptRegistry {
  readonly storage: RegistryStorage
  /** Default: what the storage's records say. */
  readonly repositories?: Repositories
}

/** Puts a registry's parts together as its configuration says. */
export async function composeService(
  config: ResolvedConfig,
  { storage, repositories = openRepositories(storage) }: KeptRegistry,
  metrics: Metrics,
): Promise<Composed> {
  const uploads = openUploads(storage)
  const webhooks = openWebhooks(config.webhooks, metrics)
  const documents = documentCache(DOCUMENTS)
  const immutable = config.immutableTags.map((i) => ({ ...i, tags: i.tags.map(tagExpression) }))
  const upstreams = openUpstreams(config.upstreams, { storage, repositories, documents, metrics })
  const service: Service = {
    storage,
    repositories,
    uploads,
    documents,
    references: config.references,
    bodyLimits: bodyLimits(config),
    manifestLimit: config.limits.manifestBytes,
    immutable: (name, tag) =>
      immutable.some((i) => matchesRepository(i.repositories, name) && i.tags.some((t) => t.test(tag))),
    checkQuota: openQuotas(config.quotas, storage, repositories),
    cached: (name) => upstreams.owns(name),
    fetchManifest: (name, reference, call) => upstreams.manifest(name, reference, call),
    fetchBlob: (name, digest) => upstreams.blob(name, digest),
    notify: (event) => {
      count(metrics, event)
      webhooks.send(event)
    },
  }
  const collect = async (call?: Call): Promise<Collected> => {
    const collected = await collectRegistry({ config, storage, repositories, uploads }, call)
    metrics.add('cairn_registry_gc_removed_blobs_total', collected.blobs)
    metrics.add('cairn_registry_gc_removed_bytes_total', collected.bytes)
    return collected
  }
  return {
    service,
    collect,
    startUpkeep: () => every(config.gc.intervalSeconds, collect),
    close: async () => {
      await uploads.close()
      await webhooks.close()
    },
  }
}

function count(metrics: Metrics, { action, kind, size }: RegistryEvent): void {
  metrics.add('cairn_registry_events_total', 1, `action="${action}",kind="${kind}"`)
  if (kind === 'blob' && size !== undefined && (action === 'push' || action === 'pull'))
    metrics.add('cairn_registry_blob_bytes_total', size, `action="${action}"`)
}

/** Runs `work` again and again, never twice at once; a failure waits for the next time. */
function every(seconds: number, work: () => Promise<unknown>): Disposable {
  if (seconds === 0) return { [Symbol.dispose]: () => undefined }
  let running = false
  const timer = setInterval(() => {
    if (running) return
    running = true
    void work()
      .catch((error: unknown) => process.stderr.write(`${JSON.stringify({ upkeep: String(error) })}\n`))
      .finally(() => (running = false))
  }, seconds * 1000)
  timer.unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
