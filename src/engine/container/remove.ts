import { fail, type Call } from '#base'
import type { Parts } from '../parts.ts'
import type { RemoveOptions } from '../types.ts'
import { removeFiles } from './erase.ts'
import { isUnfinished } from './finish.ts'
import { monitorGone } from './identity.ts'
import { killUntilEnded } from './kill.ts'
import { forgetLock, lockContainer } from './lock.ts'
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
    await killUntilEnded(parts, id, Infinity, call)
  }
  await removeStopped(parts, found, options, call)
  await dropImage(parts, found, call)
  await dropImage(parts, found, call)
  if (!found.direct && found.state !== 'created') await monitorGone(found)
}

/** An image that was forced away while the container needed it goes with the container. */
async function dropImage(parts: Parts, { manifest }: ContainerRecord, call?: Call): Promise<void> {
  await parts.names()
  const named = parts.db.get('SELECT 1 FROM image WHERE digest = ?', manifest)
  if (named || parts.containers.usingManifest(manifest).length > 0) return
  const { collect } = await import('../system/collect.ts')
  await collect(parts, {}, call)
}

async function removeStopped(
  parts: Parts,
  { id, name }: ContainerRecord,
  options: RemoveOptions,
  call?: Call,
): Promise<void> {
  using _ = await lockContainer(parts, id, call)
  const record = parts.containers.get(id)
  if (!record || record.state === 'removed') return forgetLock(parts, id)
  if (isUnfinished(record)) fail('failed_precondition', `cannot remove container "${name}": it has been started again`)
  parts.containers.update(id, { state: 'removing' })
  removeFiles(parts, record, { volumes: options.volumes === true })
  parts.containers.delete(id)
}
