import type { Call } from '#base'
import type { Parts } from '../parts.ts'
import type { Container, Pruned } from '../types.ts'
import { remove } from './remove.ts'
import { size } from './size.ts'
import { containerOf } from './table.ts'

/** Removes stopped containers. */
export async function prune(
  parts: Parts,
  filter: (container: Container) => boolean = () => true,
  call?: Call,
): Promise<Pruned> {
  const removed: string[] = []
  let bytes = 0
  for (const record of parts.containers.list()) {
    if ((record.state !== 'created' && record.state !== 'exited') || !filter(containerOf(record))) continue
    const freed = await size(parts, record.id)
    await remove(parts, record.id, {}, call)
    removed.push(record.id)
    bytes += freed
  }
  return { removed, bytes }
}
