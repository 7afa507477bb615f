import { fail } from '#base'
import { newId } from '../container/name.ts'
import type { Parts } from '../parts.ts'
import type { Chosen, Pruned, Volume, Volumes } from '../types.ts'
import { checkVolumeName } from './table.ts'
import { bytesUnder, usersByVolume } from './users.ts'

export function volumeVerbs(parts: Parts): Volumes {
  const get = (name: string): Volume => parts.volumes.get(name) ?? fail('not_found', `no such volume: ${name}`)
  return {
    create: async (name, labels) => {
      if (name !== undefined) checkVolumeName(name)
      return parts.volumes.ensure(name ?? newId(), { labels: labels ?? {}, anonymous: name === undefined })
    },
    get: async (name) => get(name),
    inspect: async (name) => {
      const volume = get(name)
      return {
        CreatedAt: new Date(volume.created).toISOString().replace(/\.\d+Z$/, 'Z'),
        Driver: 'local',
        Labels: volume.labels,
        Mountpoint: volume.path,
        Name: volume.name,
        Options: {},
        Scope: 'local',
      }
    },
    list: async () => {
      const users = usersByVolume(parts.containers.list())
      return parts.volumes.list().map((volume) => ({ ...volume, users: users.get(volume.name)?.length ?? 0 }))
    },
    remove: async (name, options = {}) => removeVolume(parts, name, options.force === true),
    prune: async (options = {}) => pruneVolumes(parts, options),
  }
}

function removeVolume(parts: Parts, name: string, force: boolean): void {
  if (!parts.volumes.get(name)) {
    if (force) return
    fail('not_found', `no such volume: ${name}`)
  }
  const users = usersByVolume(parts.containers.list()).get(name)
  if (users)
    fail('failed_precondition', `remove ${name}: volume is in use by ${users.map((user) => user.name).join(', ')}`, {
      hint: `remove the containers first: cairn rm -f ${users.map((user) => user.name).join(' ')}`,
    })
  parts.volumes.remove(name)
}

/** Volumes that no container mentions. */
function pruneVolumes(parts: Parts, options: { readonly all?: boolean; readonly chosen?: Chosen }): Pruned {
  const removed: string[] = []
  let bytes = 0
  for (const volume of parts.volumes.list()) {
    if (!options.all && !volume.anonymous) continue
    if (options.chosen?.(volume) === false) continue
    // Looked up for each: a container may have come while others were removed.
    if (usersByVolume(parts.containers.list()).has(volume.name)) continue
    bytes += bytesUnder(volume.path)
    parts.volumes.remove(volume.name)
    removed.push(volume.name)
  }
  return { removed, bytes }
}
