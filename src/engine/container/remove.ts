import { fail, type Call } from '#base'
import type { Parts } from '../parts.ts'
import type { RemoveOptions } from '../types.ts'
import { ended } from './ended.ts'
import { removeFiles } from './erase.ts'
import { isUnfinished } from './finish.ts'
import { monitorGone } from './identity.ts'
import { sendSignal } from './kill.ts'
import { lockContainer } from './lock.ts'
import type { ContainerRecord } from './table.ts'

/** Removes a container with all it wrote. A running one only by force, and then it is killed first. */
export async function remove(parts: Parts, ref: string, options: RemoveOptions = {}, call?: Call): Promise<void> {
  const found = parts.containers.find(ref)
  const { id, name, state } = found
  if (state === 'running' || state === 'paused' || state === 'starting') {
    if (!options.force)
      fail(
        'failed_precondition',
        `cannot remove container "${name}": container is ${state}: stop the container before removing or force remove`,
        {
          hint: `cairn rm -f ${name}`,
        },
      )
    await sendSignal(parts, id, 9)
    await ended(parts, id, {}, call)
  }
  await removeStopped(parts, found, options, call)
  if (!found.direct && found.state !== 'created') await monitorGone(found)
}

async function removeStopped(
  parts: Parts,
  { id, name }: ContainerRecord,
  options: RemoveOptions,
  call?: Call,
): Promise<void> {
  using _ = await lockContainer(parts, id, call)
  const record = parts.containers.get(id)
  if (!record || record.state === 'removed') return
  if (isUnfinished(record)) fail('failed_precondition', `cannot remove container "${name}": it has been started again`)
  parts.containers.update(id, { state: 'removing' })
  removeFiles(parts, record, { volumes: options.volumes === true })
  parts.containers.delete(id)
}
