import { fail } from '#base'
import { allocate, choosePorts, planNetwork, type Endpoint, type NetworkConfig, type PortRequest } from '#runtime'
import { identityOf, processLives } from '../container/identity.ts'
import { newId } from '../container/name.ts'
import type { Parts } from '../parts.ts'
import type { Attached } from '../types.ts'
import { DEFAULT_NETWORK, findNetwork, hostNames, listNetworks, recordNetwork } from './table.ts'

/** Addresses of build steps: held by a process, not by a container's record. */
const SCHEMA = `
CREATE TABLE IF NOT EXISTS held_address (
  id TEXT PRIMARY KEY,
  pid INTEGER NOT NULL,
  start INTEGER NOT NULL,
  attached TEXT NOT NULL
) STRICT;`

/** The named network's configuration; the default one is planned and recorded on first use. */
export function networkFor(parts: Parts, name: string): NetworkConfig {
  const known = findNetwork(parts.db, name)
  if (known) return known
  if (name !== DEFAULT_NETWORK) fail('not_found', `network ${name} not found`)
  const taken = listNetworks(parts.db).flatMap((network) => network.subnets.map(({ subnet }) => subnet))
  const { bridge } = hostNames(parts.paths.root)
  return recordNetwork(parts.db, planNetwork({ id: newId(), name, bridge, taken }))
}

/**
 * Gives a container its addresses and host ports and records them before anything is connected:
 * a crash in between leaves a row that says what to take back.
 */
export function reserve(parts: Parts, id: string, network: NetworkConfig, ports: readonly PortRequest[]): Attached {
  return parts.db.immediate(() => {
    const attached = choose(parts, network, ports)
    parts.containers.update(id, { attached })
    return attached
  })
}

/** Addresses for work that is no container, free again when it is disposed or its process has ended. */
export function reserveFor(
  parts: Parts,
  id: string,
  network: NetworkConfig,
): Disposable & { readonly attached: Attached } {
  parts.db.schema(SCHEMA)
  const attached = parts.db.immediate(() => {
    const chosen = choose(parts, network, [])
    const { pid, start } = identityOf(process.pid)
    parts.db.run(
      'INSERT INTO held_address (id, pid, start, attached) VALUES (?, ?, ?, ?)',
      id,
      pid,
      start,
      JSON.stringify(chosen),
    )
    return chosen
  })
  return { attached, [Symbol.dispose]: () => void parts.db.run('DELETE FROM held_address WHERE id = ?', id) }
}

function choose(parts: Parts, network: NetworkConfig, ports: readonly PortRequest[]): Attached {
  const others = [...attachedContainers(parts), ...heldAddresses(parts)]
  const near = others.filter((other) => other.networkId === network.id)
  const taken = new Set(near.flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6]).filter((address) => address !== undefined))
  const [first] = network.subnets
  return {
    network: network.name,
    networkId: network.id,
    ...allocate(network, taken),
    ...(first && { gateway: first.gateway, prefix: Number(first.subnet.split('/')[1]) }),
    ports: choosePorts(
      ports,
      others.flatMap((other) => other.ports),
    ),
  }
}

function attachedContainers(parts: Parts): readonly Attached[] {
  return parts.containers.inState('starting', 'running', 'paused').flatMap(({ attached }) => attached ?? [])
}

function heldAddresses(parts: Parts): readonly Attached[] {
  parts.db.schema(SCHEMA)
  const rows = parts.db.all<{ id: string; pid: number; start: number; attached: string }>('SELECT * FROM held_address')
  return rows.flatMap((row) => {
    if (processLives(row)) return [JSON.parse(row.attached) as Attached]
    parts.db.run('DELETE FROM held_address WHERE id = ?', row.id)
    return []
  })
}

export function endpointOf(id: string, attached: Attached): Endpoint {
  return {
    containerId: id,
    interfaceName: 'eth0',
    ports: attached.ports,
    ...(attached.ipv4 !== undefined && { ipv4: attached.ipv4 }),
    ...(attached.ipv6 !== undefined && { ipv6: attached.ipv6 }),
    ...(attached.mac !== undefined && { mac: attached.mac }),
  }
}

/** What runs with published ports in a network: somebody's flush of the firewall has taken them away with our table. */
export function published(parts: Parts, network: NetworkConfig): readonly Endpoint[] {
  return parts.containers
    .inState('running', 'paused')
    .flatMap(({ id, attached }) =>
      attached?.networkId === network.id && attached.ports.length > 0 ? endpointOf(id, attached) : [],
    )
}

/** Whether a container or a build step has an address of a network. */
export function isUsed(parts: Parts, network: NetworkConfig): boolean {
  return [...attachedContainers(parts), ...heldAddresses(parts)].some((other) => other.networkId === network.id)
}

/** Takes back what a container published. Its interface goes with its network namespace. */
export async function release(parts: Parts, id: string, attached: Attached): Promise<void> {
  const network = findNetwork(parts.db, attached.network)
  if (!network || attached.ports.length === 0) return
  const driver = await parts.networkDriver()
  driver.disconnect(network, endpointOf(id, attached))
}
