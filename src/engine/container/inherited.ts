import { fail } from '#base'
import type { Parts } from '../parts.ts'
import type { ContainerMount } from '../types.ts'

/** The mounts of other containers, as `NAME[:ro|rw]` names those: volumes and host directories, at the same places. */
export function inheritedMounts(parts: Parts, from: readonly string[]): readonly ContainerMount[] {
  return from.flatMap((text) => {
    const [name = '', access] = text.split(/:(.*)/s)
    if (access !== undefined && access !== 'ro' && access !== 'rw')
      fail('invalid_argument', `invalid volumes of another container ${JSON.stringify(text)}`, {
        hint: 'CONTAINER[:ro|rw] is meant',
      })
    const { mounts } = parts.containers.find(name).config
    return mounts
      .filter(({ type }) => type !== 'tmpfs')
      .map((mount) => (access === 'ro' ? { ...mount, readonly: true } : mount))
  })
}
