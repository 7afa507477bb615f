import { createSnapshotter, openLayerStore, probeFormat, type DiskLayers, type Snapshotter } from '#snapshot'
import type { Parts } from '../parts.ts'

export function layers(parts: Parts): DiskLayers {
  const { root, run } = parts.paths
  return openLayerStore({ root, run, db: parts.db, format: probeFormat({ root, run }) })
}

export async function snapshots(parts: Parts): Promise<Snapshotter> {
  return createSnapshotter({ run: parts.paths.run, layers: await parts.layers() })
}
