import { checkCanceled, type Call } from '#base'
import type { Parts } from '../parts.ts'
import { finish, isUnfinished, recordedExit } from './finish.ts'
import { processLives } from './identity.ts'
import { reconcile } from './reconcile.ts'
import type { ContainerRecord } from './table.ts'

/**
 * Waits until a container has ended and the node has finished with it; answers its record, undefined
 * when it is gone, or still `running` when the time (milliseconds) is up.
 */
export async function ended(
  parts: Parts,
  id: string,
  options: { readonly timeout?: number } = {},
  call?: Call,
): Promise<ContainerRecord | undefined> {
  const deadline = Date.now() + (options.timeout ?? Infinity)
  for (let pause = 1; ; pause = Math.min(pause * 2, 20)) {
    checkCanceled(call)
    const record = parts.containers.get(id)
    if (!record || !isUnfinished(record)) return record
    if (!record.direct && recordedExit(parts, id)) await finish(parts, id, {}, call)
    else if (!processLives(record.monitor)) await reconcile(parts, [record])
    if (Date.now() >= deadline) return parts.containers.get(id)
    await Bun.sleep(Math.min(pause, Math.max(1, deadline - Date.now())))
  }
}
