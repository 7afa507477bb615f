import type { Call } from '#base'
import type { Exit } from '#runtime'
import type { Parts } from '../parts.ts'
import { ended } from './ended.ts'

/** A container's exit, as soon as it is there; at once for one that has ended. */
export async function wait(parts: Parts, ref: string, call?: Call): Promise<Exit> {
  const { id } = parts.containers.find(ref)
  const record = await ended(parts, id, {}, call)
  return { code: record?.exitCode ?? 0, ...(record?.oomKilled && { oomKilled: true }) }
}
