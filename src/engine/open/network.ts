import { createNetworkDriver, type NetworkDriver } from '#runtime'
import { hostNames } from '../network/table.ts'
import type { Parts } from '../parts.ts'

export function networkDriver(parts: Parts): NetworkDriver {
  return createNetworkDriver({
    run: parts.paths.run,
    table: hostNames(parts.paths.root).table,
    nameOf: (id) => parts.containers.get(id)?.name,
  })
}
