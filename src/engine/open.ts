import { openLocalStore, openNames, type ImageNames, type LocalStore } from '#content'
import { conmon, createNetworkDriver, findRuntime, type Monitor, type NetworkDriver, type Runtime } from '#runtime'
import {
  createSnapshotter,
  differ as layerDiffer,
  openLayerStore,
  probeFormat,
  type Differ,
  type DiskLayers,
  type Snapshotter,
} from '#snapshot'
import { hostNames } from './network/table.ts'
import type { Parts } from './parts.ts'

// The rooms' constructors, in one chunk that is loaded when the first part other than the database is asked for.

export function names(parts: Parts): ImageNames {
  return openNames(parts.db)
}

export function store(parts: Parts): LocalStore {
  return openLocalStore({ root: parts.paths.root, db: parts.db })
}

export function layers(parts: Parts): DiskLayers {
  const { root, run } = parts.paths
  return openLayerStore({ root, run, db: parts.db, format: probeFormat({ root, run }) })
}

export async function snapshots(parts: Parts): Promise<Snapshotter> {
  return createSnapshotter({ run: parts.paths.run, layers: await parts.layers() })
}

export function differ(): Differ {
  return layerDiffer
}

export function runtime(parts: Parts, name?: string): Runtime {
  return findRuntime(name, { run: parts.paths.run })
}

export function monitor(of: Runtime): Monitor {
  return conmon(of)
}

export function networkDriver(parts: Parts): NetworkDriver {
  return createNetworkDriver({
    run: parts.paths.run,
    table: hostNames(parts.paths.root).table,
    nameOf: (id) => parts.containers.get(id)?.name,
  })
}
