import type { BuildOptions } from '#build'
import { formatPlatform, parsePlatform } from '#oci'
import type { BuildRequest } from './request.ts'

/** A request less what only a node can do. */
export function buildOptions(request: BuildRequest): BuildOptions {
  const {
    tags: _tags,
    outputs: _outputs,
    cacheFrom: _from,
    cacheTo: _to,
    pull: _pull,
    attest: _attest,
    lock: _lock,
    platforms,
    ...options
  } = request
  if (!platforms?.length) return options
  const wanted = platforms.map((text) => parsePlatform(text))
  const distinct = new Map(wanted.map((platform) => [formatPlatform(platform), platform]))
  return { ...options, platforms: [...distinct.values()] }
}
