import { formatPlatform } from './platform.ts'
import { familiarRepository, parseReference } from './reference.ts'
import type { Platform } from './types.ts'

/** A package URL of type docker, as BuildKit names images: `pkg:docker/debian@12?platform=linux%2Famd64`. */
export function imagePackageUrl(name: string, platform?: Platform): string {
  const reference = parseReference(name)
  const repository = familiarRepository(reference).split('/').map(encodeURIComponent).join('/')
  const version = reference.tag ?? (reference.digest === undefined ? 'latest' : undefined)
  const query = [
    ...(reference.digest === undefined ? [] : [`digest=${reference.digest}`]),
    ...(platform ? [`platform=${encodeURIComponent(formatPlatform(platform))}`] : []),
  ]
  return `pkg:docker/${repository}${version === undefined ? '' : `@${version}`}${query.length > 0 ? `?${query.join('&')}` : ''}`
}
