import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { factsFor } from '../image/facts.ts'
import type { Parts } from '../parts.ts'
import type { ContainerSize } from '../types.ts'

/** Bytes on disk that a container has written over its image. */
export async function written(parts: Parts, id: string): Promise<number> {
  const dir = parts.paths.container(id)
  if (!existsSync(join(dir, 'upper'))) return 0
  return (await (await parts.snapshots()).usage(dir)).bytes
}

/** What a container has written, alone and with its image. */
export async function size(parts: Parts, ref: string): Promise<ContainerSize> {
  const { id, config } = parts.containers.find(ref)
  const [bytes, image] = await Promise.all([written(parts, id), factsFor(parts, config.manifest)])
  return { written: bytes, total: bytes + image.size }
}
