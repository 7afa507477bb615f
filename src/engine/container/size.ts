import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Parts } from '../parts.ts'

/** Bytes that a container has written over its image. */
export async function size(parts: Parts, ref: string): Promise<number> {
  const dir = parts.paths.container(parts.containers.find(ref).id)
  if (!existsSync(join(dir, 'upper'))) return 0
  return (await (await parts.snapshots()).usage(dir)).bytes
}
