import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { checkCanceled, type Call } from '#base'
import { MOUNT_POINTS } from '#runtime'
import type { Change } from '#snapshot'
import type { Parts } from '../parts.ts'
import { mountImage } from './rootfs.ts'
import type { ContainerRecord } from './table.ts'

/** What a container has changed in its image, mount points that the runtime made left out. */
export async function changes(parts: Parts, ref: string, call?: Call): Promise<readonly Change[]> {
  return (await allChanges(parts, parts.containers.find(ref), call)).filter(({ stub }) => !stub)
}

/** {@link changes}, with what is marked as the runtime's. */
export async function allChanges(parts: Parts, record: ContainerRecord, call?: Call): Promise<readonly Change[]> {
  const upper = join(parts.paths.container(record.id), 'upper')
  if (!existsSync(upper)) return []
  const [differ, image] = await Promise.all([parts.differ(), mountImage(parts, record, call)])
  const found: Change[] = []
  for (const change of differ.changes(upper, image.path, MOUNT_POINTS)) {
    checkCanceled(call)
    found.push(change)
  }
  return found
}
