import type { Parts } from '../parts.ts'
import { DEFAULT_NETWORK, listNetworks, PLAIN_NETWORKS } from './table.ts'

/** Every network that a container can be put on; the default one is there before it is first used. */
export function list(parts: Parts): readonly { readonly id: string; readonly name: string; readonly driver: string }[] {
  const made = listNetworks(parts.db).map(({ id, name }) => ({ id, name, driver: 'bridge' }))
  const plain = PLAIN_NETWORKS.map((name) => ({ id: fixedId(name), name, driver: name === 'none' ? 'null' : name }))
  const first = made.some(({ name }) => name === DEFAULT_NETWORK)
    ? []
    : [{ id: fixedId(DEFAULT_NETWORK), name: DEFAULT_NETWORK, driver: 'bridge' }]
  return [...first, ...made, ...plain].toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** What is not recorded has an ID all the same: scripts print it. */
function fixedId(name: string): string {
  return new Bun.CryptoHasher('sha256').update(`cairn network ${name}`).digest('hex')
}
