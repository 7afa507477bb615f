import type { Call } from '#base'
import type { Digest } from '#oci'
import type { UpstreamConfig } from '../configtypes.ts'
import type { DocumentCache } from '../http/service.ts'
import type { Metrics } from '../metrics.ts'
import type { Repositories } from '../repositories.ts'
import type { RegistryStorage } from '../types.ts'

/** Other registries that this one stands before. */
export interface Upstreams {
  /** The digest that the reference has upstream, its manifest now here; undefined where no upstream knows it. */
  manifest(name: string, reference: string, call: Call): Promise<Digest | undefined>
  /** Fetches a blob; false when no upstream has it. */
  blob(name: string, digest: Digest, call: Call): Promise<boolean>
}

export interface UpstreamParts {
  readonly storage: RegistryStorage
  readonly repositories: Repositories
  readonly documents: DocumentCache
  readonly metrics: Metrics
}

export function openUpstreams(_configs: readonly UpstreamConfig[], _parts: UpstreamParts): Upstreams {
  return { manifest: async () => undefined, blob: async () => false }
}
