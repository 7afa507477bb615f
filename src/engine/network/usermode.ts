import { choosePorts, openUserModeNetwork, USER_MODE, type PortRequest } from '#runtime'
import type { ContainerRecord } from '../container/table.ts'
import type { Parts } from '../parts.ts'
import type { Attached } from '../types.ts'
import type { Connected } from './connect.ts'
import { DEFAULT_NETWORK } from './table.ts'

/** Connects a container by user-mode networking, its ports published. */
export async function connectUserMode(parts: Parts, { id, config }: ContainerRecord): Promise<Connected> {
  const attached = parts.db.immediate(() => {
    const chosen = attachedBy(config.ports, parts)
    parts.containers.update(id, { attached: chosen })
    return chosen
  })
  const network = await openUserModeNetwork({ dir: parts.paths.running(id), ports: attached.ports })
  return {
    path: network.netns.path,
    attached,
    nameservers: [USER_MODE.nameserver],
    lifeline: network.lifeline,
    [Symbol.dispose]: () => network[Symbol.dispose](),
  }
}

function attachedBy(ports: readonly PortRequest[], parts: Parts): Attached {
  const others = parts.containers.inState('starting', 'running', 'paused')
  const { ipv4, prefix, gateway } = USER_MODE
  const taken = others.flatMap((other) => other.attached?.ports ?? [])
  return { network: DEFAULT_NETWORK, networkId: '', ipv4, prefix, gateway, ports: choosePorts(ports, taken) }
}
