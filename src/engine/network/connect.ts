import type { Netns } from '#runtime'
import type { ContainerRecord } from '../container/table.ts'
import type { Parts } from '../parts.ts'
import type { Attached } from '../types.ts'
import { endpointOf, networkFor, reserve } from './endpoint.ts'

/** Puts a container's network namespace on its network and publishes its ports. */
export async function connectNetwork(parts: Parts, { id, config }: ContainerRecord, netns: Netns): Promise<Attached> {
  const driver = await parts.networkDriver()
  const network = networkFor(parts, config.network)
  // Recorded first: a network that somebody is about to use is not removed by a prune.
  const attached = reserve(parts, id, network, config.ports)
  driver.ensure(network)
  driver.connect({ fd: netns.fd }, network, endpointOf(id, attached))
  return attached
}
