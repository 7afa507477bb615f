import type { BuildRequest } from '#engine'
import type { Values } from '../../command.ts'

/** Which results of earlier builds count. */
export const cacheFlags = {
  'no-cache': { type: 'boolean', help: 'Do not use cache when building the image' },
  'no-cache-filter': {
    type: 'string',
    multiple: true,
    value: 'stringArray',
    help: 'Do not cache specified stages',
  },
  pull: { type: 'boolean', help: 'Always attempt to pull all referenced images' },
} as const

export const refusedCacheFlags = ['cache-from', 'cache-to'] as const

export function cacheRequest(values: Values<typeof cacheFlags>): Partial<BuildRequest> {
  return {
    noCache: values['no-cache'] === true,
    pull: values.pull === true,
    noCacheFilter: (values['no-cache-filter'] ?? []).flatMap((names) => names.split(',')).filter(Boolean),
  }
}
