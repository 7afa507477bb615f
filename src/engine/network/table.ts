import { fail } from '#base'
import type { Database } from '#content'
import type { NetworkConfig } from '#runtime'
import { DEFAULT_ROOT } from '../paths.ts'
import type { Parts } from '../parts.ts'

const SCHEMA = `
CREATE TABLE IF NOT EXISTS network (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  config TEXT NOT NULL
) STRICT;`

/** The networks that need nothing of a driver. */
export const PLAIN_NETWORKS: readonly string[] = ['none', 'host']
export const DEFAULT_NETWORK = 'bridge'

/** `bridge` is made when it is first used; `none` and `host` are always there. */
export function checkNetwork(parts: Parts, name: string): void {
  if (PLAIN_NETWORKS.includes(name) || name === DEFAULT_NETWORK || findNetwork(parts.db, name)) return
  fail('not_found', `network ${name} not found`, { hint: 'bridge, host, none or container:NAME' })
}

export function findNetwork(db: Database, name: string): NetworkConfig | undefined {
  db.schema(SCHEMA)
  const row = db.get<{ config: string }>('SELECT config FROM network WHERE name = ? OR id = ?', name, name)
  return row && (JSON.parse(row.config) as NetworkConfig)
}

export function listNetworks(db: Database): readonly NetworkConfig[] {
  db.schema(SCHEMA)
  return db
    .all<{ config: string }>('SELECT config FROM network ORDER BY name')
    .map((row) => JSON.parse(row.config) as NetworkConfig)
}

/** Records a network unless another process was first; answers the one that counts. */
export function recordNetwork(db: Database, config: NetworkConfig): NetworkConfig {
  db.schema(SCHEMA)
  return db.immediate(() => {
    const known = findNetwork(db, config.name)
    if (!known)
      db.run('INSERT INTO network (id, name, config) VALUES (?, ?, ?)', config.id, config.name, JSON.stringify(config))
    return known ?? config
  })
}

/**
 * What this store calls its own on a host that several stores may share: the default root has the
 * plain names, every other one a short hash behind them.
 */
export function hostNames(root: string): { readonly bridge: string; readonly table: string } {
  if (root === DEFAULT_ROOT) return { bridge: 'cairn0', table: 'cairn' }
  const suffix = Bun.hash(root).toString(36).slice(0, 8)
  // An interface name has at most 15 bytes.
  return { bridge: `cairn${suffix}`, table: `cairn_${suffix}` }
}
