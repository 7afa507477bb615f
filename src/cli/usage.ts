import type { CacheUsage, UsageDetails } from '#engine'
import { printList } from './format/list.ts'
import { ago, size } from './format/units.ts'
import { print } from './output.ts'
import { shortId } from './rows.ts'

/** `system df -v`: what takes the room. */
export function printUsage({ images, containers, volumes }: UsageDetails, cache: CacheUsage): void {
  print('Images space usage:\n')
  printImages(images)
  print('\nContainers space usage:\n')
  printContainers(containers)
  print('\nLocal Volumes space usage:\n')
  printVolumes(volumes)
  print(`\nBuild cache usage: ${size(cache.total, 4)}\n`)
  printCache(cache)
}

function printImages(images: UsageDetails['images']): void {
  printList(
    images.map((image) => {
      const [name = '<none>:<none>'] = image.names
      const colon = name.lastIndexOf(':')
      return {
        ...image,
        id: shortId(image.id),
        repository: name.slice(0, colon),
        tag: name.slice(colon + 1),
        size: size(image.size, 4),
        shared: size(image.shared, 4),
        unique: size(image.size - image.shared, 4),
        created: ago(image.created),
      }
    }),
    [
      { heading: 'REPOSITORY', field: 'repository' },
      { heading: 'TAG', field: 'tag' },
      { heading: 'IMAGE ID', field: 'id' },
      { heading: 'CREATED', field: 'created' },
      { heading: 'SIZE', field: 'size' },
      { heading: 'SHARED SIZE', field: 'shared' },
      { heading: 'UNIQUE SIZE', field: 'unique' },
      { heading: 'CONTAINERS', field: 'containers' },
    ],
  )
}

function printContainers(containers: UsageDetails['containers']): void {
  printList(
    containers.map((container) => ({ ...container, id: shortId(container.id), size: size(container.size) })),
    [
      { heading: 'CONTAINER ID', field: 'id' },
      { heading: 'IMAGE', field: 'image' },
      { heading: 'STATUS', field: 'state' },
      { heading: 'SIZE', field: 'size' },
      { heading: 'NAMES', field: 'name' },
    ],
  )
}

function printVolumes(volumes: UsageDetails['volumes']): void {
  printList(
    volumes.map((volume) => ({ ...volume, size: size(volume.size) })),
    [
      { heading: 'VOLUME NAME', field: 'name' },
      { heading: 'LINKS', field: 'users' },
      { heading: 'SIZE', field: 'size' },
    ],
  )
}

function printCache({ entries }: CacheUsage): void {
  printList(
    entries.map((entry) => ({
      ...entry,
      size: size(entry.size),
      created: ago(entry.created),
      used: ago(entry.used),
      shared: String(entry.shared),
    })),
    [
      { heading: 'CACHE ID', field: 'id' },
      { heading: 'CACHE TYPE', field: 'type' },
      { heading: 'SIZE', field: 'size' },
      { heading: 'CREATED', field: 'created' },
      { heading: 'LAST USED', field: 'used' },
      { heading: 'SHARED', field: 'shared' },
    ],
  )
}
