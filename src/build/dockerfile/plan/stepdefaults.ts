import type { RunDefinition } from '../../ops/definition.ts'
import type { StepOptions } from '../../options/step.ts'
import type { NetworkMode } from '../../types.ts'
import type { BuildArgs } from './scope.ts'

/** What is the same for every RUN of a build. */
export interface StepDefaults {
  readonly network: NetworkMode
  readonly allow: ReadonlySet<string>
  /** Reaches the steps, but no key. */
  readonly proxy: readonly string[]
  readonly cacheNamespace: string
  /** Members of every step's definition. */
  readonly keyed: Pick<RunDefinition, 'hostname' | 'hosts' | 'shmSize' | 'ulimits'>
}

export function stepDefaults(options: StepOptions, buildArgs: BuildArgs): StepDefaults {
  const { network = 'default', allow = [], extraHosts = [], shmSize, ulimits = [] } = options
  const hostname = buildArgs.builtin('BUILDKIT_SANDBOX_HOSTNAME')
  const hosts = extraHosts.map((host) => host.replace(/[:=].*/s, '')).toSorted()
  return {
    network,
    // Whoever builds with the host's network has allowed it.
    allow: new Set(network === 'host' ? [...allow, 'network.host'] : allow),
    proxy: buildArgs.proxyEnvironment(),
    cacheNamespace: buildArgs.builtin('BUILDKIT_CACHE_MOUNT_NS') ?? '',
    keyed: {
      ...(hostname ? { hostname } : {}),
      ...(hosts.length > 0 ? { hosts } : {}),
      ...(shmSize === undefined ? {} : { shmSize }),
      ...(ulimits.length > 0 ? { ulimits } : {}),
    },
  }
}
