import { createNetns } from '#runtime'
import { inUserNamespace } from '#sys'
import type { ContainerRecord } from '../container/table.ts'
import type { Parts } from '../parts.ts'
import type { Attached } from '../types.ts'
import { endpointOf, networkFor, published, reserve } from './endpoint.ts'

/** A container's network namespace, on its network. The namespace lives as long as this or a process in it. */
export interface Connected extends Disposable {
  /** For the runtime, while this process lives. */
  readonly path: string
  readonly attached: Attached
  /** What answers for names there, if that is not what the host asks. */
  readonly nameservers?: readonly string[]
  /** What the network has to live as long as inherits this. */
  readonly lifeline?: number
}

/** Makes a network namespace, puts it on the container's network and publishes its ports. */
export async function connectNetwork(parts: Parts, record: ContainerRecord): Promise<Connected> {
  if (inUserNamespace()) return (await import('./usermode.ts')).connectUserMode(parts, record)
  const { id, config } = record
  const netns = createNetns()
  try {
    const driver = await parts.networkDriver()
    const network = networkFor(parts, config.network)
    // Recorded first: a network that somebody is about to use is not removed by a prune.
    const attached = reserve(parts, id, network, config.ports)
    if (driver.ensure(network)) for (const other of published(parts, network)) driver.republish(network, other)
    driver.connect({ fd: netns.fd }, network, endpointOf(id, attached))
    return { path: netns.path, attached, [Symbol.dispose]: () => netns[Symbol.dispose]() }
  } catch (error) {
    netns[Symbol.dispose]()
    throw error
  }
}
