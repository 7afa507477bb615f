import { fail } from '#base'
import type { Parts } from '../parts.ts'
import { checkName } from './name.ts'

export async function rename(parts: Parts, ref: string, name: string): Promise<void> {
  const { id } = parts.containers.find(ref)
  const wanted = checkName(name)
  parts.db.immediate(() => {
    const holder = parts.containers.list().find((container) => container.name === wanted)
    if (holder && holder.id !== id)
      fail(
        'already_exists',
        `the container name "${wanted}" is already in use by container ${holder.id.slice(0, 12)}`,
        {
          hint: `remove or rename that one first: cairn rename ${wanted} ANOTHER`,
        },
      )
    parts.containers.update(id, { name: wanted })
  })
}
