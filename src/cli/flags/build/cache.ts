import type { BuildRequest } from '#engine'
import type { Values } from '../../command.ts'

/** Which results of earlier builds count. */
export const cacheFlags = {
  'no-cache': { type: 'boolean', help: 'Do not use cache when building the image' },
  pull: { type: 'boolean', help: 'Always attempt to pull all referenced images' },
} as const

export const refusedCacheFlags = ['cache-from', 'cache-to', 'no-cache-filter'] as const

export function cacheRequest(values: Values<typeof cacheFlags>): Partial<BuildRequest> {
  return { noCache: values['no-cache'] === true, pull: values.pull === true }
}
