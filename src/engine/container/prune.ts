import type { Call } from '#base'
import type { Parts } from '../parts.ts'
import type { Container, Pruned } from '../types.ts'
import { fromEarlierBoot, processLives } from './identity.ts'
import { remove } from './remove.ts'
import { written } from './size.ts'
import { containerOf, type ContainerRecord } from './table.ts'

/** A container that was made a moment ago is about to be started by whoever made it. */
function isStopped(record: ContainerRecord): boolean {
  if (record.state === 'created') return fromEarlierBoot(record) || !processLives(record.monitor)
  return record.state === 'exited'
}

/** Removes stopped containers. */
export async function prune(
  parts: Parts,
  filter: (container: Container) => boolean = () => true,
  call?: Call,
): Promise<Pruned> {
  const removed: string[] = []
  let bytes = 0
  for (const record of parts.containers.list()) {
    if (!isStopped(record) || !filter(containerOf(record))) continue
    try {
      const freed = await written(parts, record.id)
      await remove(parts, record.id, {}, call)
      removed.push(record.id)
      bytes += freed
    } catch (error) {
      // Started, or removed, by somebody else meanwhile.
      const now = parts.containers.get(record.id)
      if (now && isStopped(now)) throw error
    }
  }
  return { removed, bytes }
}
