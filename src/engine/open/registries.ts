import {
  hostCredentials,
  openRegistryClient,
  readRegistriesConfig,
  type RegistriesConfig,
  type RegistryClient,
  type RegistryHost,
  type RegistryOptions,
} from '#registry/client'
import { machineConnect } from '../registry/connect.ts'
import { machineHost } from '../registry/host.ts'

/** How this machine reaches registries: its configuration, certificates and logins. */
export interface MachineRegistries {
  readonly host: RegistryHost
  readonly config: RegistriesConfig
  readonly connect: NonNullable<RegistryOptions['connect']>
  readonly client: RegistryClient
  /** A client for a registry whose certificate need not be valid, or that speaks plain HTTP: the user said so. */
  trusting(domain: string): RegistryClient
}

export async function registries(): Promise<MachineRegistries> {
  const host = machineHost()
  const config = await readRegistriesConfig(host)
  const connect = machineConnect(host)
  const shared = { connect, credentials: hostCredentials(host) }
  return {
    host,
    config,
    connect,
    client: openRegistryClient({ config, ...shared }),
    trusting: (domain) =>
      openRegistryClient({ config: { ...config, insecure: [...(config.insecure ?? []), domain] }, ...shared }),
  }
}
