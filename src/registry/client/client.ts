import { fail } from '#base'
import type { Call } from '#base'
import { formatReference, parseReference } from '#oci'
import type { Reference } from '#oci'
import { registryEndpoint, resolveEndpoints } from './config/endpoints.ts'
import type { RegistriesConfig } from './config/endpoints.ts'
import { openRegistry } from './registry.ts'
import type { Registry, RegistryOptions } from './registry.ts'
import { listRepositories } from './repository/listing.ts'
import { repositoryAt, withMirrors } from './repository/repository.ts'
import { discard } from './transport/body.ts'
import type { Endpoint, Repository } from './types.ts'

/** How registries are found and spoken to. */
export interface ClientOptions extends RegistryOptions {
  /** Mirrors, insecure and blocked registries. Default: none configured, the loopback is insecure. */
  readonly config?: RegistriesConfig
  /** Bytes per PATCH of an upload. Default: a blob in one, which every registry takes. */
  readonly chunkBytes?: number
  /** Attempts to take up a transfer that broke, without progress between them. Default 5. */
  readonly resumes?: number
}

/** Registries and their repositories; tokens and what is known of each are shared. */
export interface RegistryClient {
  /** The repository of a reference (its tag and digest do not matter here). */
  repository(reference: Reference | string): Repository
  /** Every repository of a registry that tells. */
  repositories(domain: string, call?: Call): AsyncIterable<string>
  /** True when the registry answers as one; `unauthenticated` when it wants a login first. */
  ping(domain: string, call?: Call): Promise<boolean>
}

/** A client of any registry; nothing is asked until a verb is called. `invalid_argument` for options that make no sense. */
export function openRegistryClient(options: ClientOptions = {}): RegistryClient {
  const registries = new Map<string, Registry>()
  const registryAt = (endpoint: Endpoint): Registry => {
    const key = `${endpoint.host} ${endpoint.insecure} ${endpoint.plainHttp ?? false}`
    let registry = registries.get(key)
    if (!registry) registries.set(key, (registry = openRegistry(endpoint, options)))
    return registry
  }
  const repositoryOf = (endpoint: Endpoint, name: string): Repository => {
    const { path } = endpoint
    const { retry = {}, resumes = 5, chunkBytes } = options
    if (chunkBytes !== undefined && !(Number.isSafeInteger(chunkBytes) && chunkBytes > 0))
      fail('invalid_argument', 'chunkBytes must be a whole number of bytes')
    const place = { registry: registryAt(endpoint), path, retry, resumes, ...(chunkBytes ? { chunkBytes } : {}) }
    return repositoryAt(place, name)
  }
  return {
    repository(given) {
      const reference = typeof given === 'string' ? parseReference(given) : checked(given)
      const name = `${reference.domain}/${reference.path}`
      const endpoints = resolveEndpoints(reference, options.config)
      const mirrors = endpoints.flatMap((e) =>
        e.mirror ? [{ repository: repositoryOf(e, name), serves: e.mirror }] : [],
      )
      const main = endpoints.at(-1) ?? fail('internal', `no endpoint for ${name}`)
      return withMirrors(mirrors, repositoryOf(main, name))
    },
    repositories: (domain, call) => listRepositories(registryAt(registryEndpoint(domain, options.config)), call),
    async ping(domain, call) {
      const registry = registryAt(registryEndpoint(domain, options.config))
      const response = await registry.ask({ method: 'GET', path: '/v2/' }, [200, 404], call)
      await discard(response)
      return response.status === 200
    },
  }
}

/** One repository, for callers that need no more than one. */
export function openRepository(reference: Reference | string, options: ClientOptions = {}): Repository {
  return openRegistryClient(options).repository(reference)
}

/** A reference made by hand goes through the grammar, too: it becomes a part of URLs. */
function checked(reference: Reference): Reference {
  return parseReference(formatReference(reference))
}
