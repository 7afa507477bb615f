import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Call } from '#base'
import type { RootFs } from '#snapshot'
import { applyMounts, enterPrivateMounts, type Mount } from '#sys'
import type { Parts } from '../parts.ts'
import type { ContainerRecord } from './table.ts'

/**
 * Mounts a container's root in this process's private mount namespace. Every layer is checked first:
 * a damaged one is `data_loss`, and nothing is mounted.
 */
export async function mountRoot(parts: Parts, { id, config }: ContainerRecord, call?: Call): Promise<RootFs> {
  const snapshots = await parts.snapshots()
  const dir = containerDir(parts, id)
  const root = await snapshots.prepare(dir, config.layers, { volatile: config.options.autoRemove === true }, call)
  enterPrivateMounts()
  applyMounts(root.mounts)
  return root
}

/** The same tree to read, whether the container runs or not: what it wrote is one more read-only layer. */
export async function mountView(parts: Parts, { id, config }: ContainerRecord, call?: Call): Promise<string> {
  const snapshots = await parts.snapshots()
  const dir = containerDir(parts, id)
  const { path, mounts } = await snapshots.view(dir, config.layers, call)
  const upper = join(dir, 'upper')
  const withUpper = (mount: Mount): Mount =>
    mount.type === 'overlay' && existsSync(upper) ? { ...mount, lower: [upper, ...mount.lower] } : mount
  enterPrivateMounts()
  applyMounts(mounts.map(withUpper))
  return path
}

/** The image's tree alone, to compare with what a container has written over it. */
export async function mountImage(parts: Parts, { id, config }: ContainerRecord, call?: Call): Promise<RootFs> {
  const root = await (await parts.snapshots()).view(containerDir(parts, id), config.layers, call)
  enterPrivateMounts()
  applyMounts(root.mounts)
  return root
}

function containerDir(parts: Parts, id: string): string {
  const dir = parts.paths.container(id)
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  return dir
}
