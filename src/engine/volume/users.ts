import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { ContainerRecord } from '../container/table.ts'

/** Which containers mount which volume, stopped ones included. */
export function usersByVolume(containers: readonly ContainerRecord[]): ReadonlyMap<string, readonly ContainerRecord[]> {
  const users = new Map<string, ContainerRecord[]>()
  for (const container of containers)
    for (const mount of container.config.mounts)
      if (mount.name !== undefined) users.set(mount.name, [...(users.get(mount.name) ?? []), container])
  return users
}

/** Disk space of a tree, each inode once. Blocks are 512 bytes (stat(2)). */
export function bytesUnder(path: string): number {
  const seen = new Set<number>()
  const visit = (directory: string): number => {
    let bytes = 0
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const child = join(directory, entry.name)
      const stat = lstatSync(child, { throwIfNoEntry: false })
      if (!stat || seen.has(stat.ino)) continue
      seen.add(stat.ino)
      bytes += stat.blocks * 512 + (stat.isDirectory() ? visit(child) : 0)
    }
    return bytes
  }
  try {
    return visit(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0
    throw error
  }
}
