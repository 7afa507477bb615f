import type { BuildRequest } from '#engine'
import type { Values } from '../../command.ts'
import { parseCacheFrom, parseCacheTo } from './cacheplace.ts'

/** Which results of earlier builds count, and who else's. */
export const cacheFlags = {
  'cache-from': {
    type: 'string',
    multiple: true,
    help: 'External cache sources (e.g., "user/app:cache", "type=local,src=path/to/dir"; registry, local, s3)',
  },
  'cache-to': {
    type: 'string',
    multiple: true,
    help: 'Cache export destinations (e.g., "user/app:cache", "type=local,dest=path/to/dir"; registry, local, s3, inline)',
  },
  'no-cache': { type: 'boolean', help: 'Do not use cache when building the image' },
  'no-cache-filter': {
    type: 'string',
    multiple: true,
    value: 'stringArray',
    help: 'Do not cache specified stages',
  },
  pull: { type: 'boolean', help: 'Always attempt to pull all referenced images' },
} as const

export function cacheRequest(values: Values<typeof cacheFlags>): Partial<BuildRequest> {
  return {
    noCache: values['no-cache'] === true,
    pull: values.pull === true,
    cacheFrom: (values['cache-from'] ?? []).map(parseCacheFrom),
    cacheTo: (values['cache-to'] ?? []).map(parseCacheTo),
    noCacheFilter: (values['no-cache-filter'] ?? []).flatMap((names) => names.split(',')).filter(Boolean),
  }
}
