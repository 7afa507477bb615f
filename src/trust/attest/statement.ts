import { familiarRepository, formatPlatform, hexOf, parseReference } from '#oci'
import type { Digest, Platform } from '#oci'
import type { Predicate, Statement, Subject } from '../types.ts'

export const SLSA_PROVENANCE = 'https://slsa.dev/provenance/v1'
export const SPDX_DOCUMENT = 'https://spdx.dev/Document'

export function statementOf({ type, content }: Predicate, subject: readonly Subject[]): Statement {
  return { _type: 'https://in-toto.io/Statement/v1', subject, predicateType: type, predicate: content }
}

/** An image under each of its names, as BuildKit calls them: package URLs of type docker. */
export function imageSubjects(names: readonly string[], platform: Platform, digest: Digest): readonly Subject[] {
  const what = { sha256: hexOf(digest) }
  if (names.length === 0) return [{ name: '_', digest: what }]
  return names.map((name) => ({ name: imageUrl(name, platform), digest: what }))
}

/** `pkg:docker/debian@12?platform=linux%2Famd64`. */
export function imageUrl(name: string, platform: Platform | undefined): string {
  const reference = parseReference(name)
  const repository = familiarRepository(reference).split('/').map(encodeURIComponent).join('/')
  const version = reference.tag ?? (reference.digest === undefined ? 'latest' : undefined)
  const query = [
    ...(reference.digest === undefined ? [] : [`digest=${reference.digest}`]),
    ...(platform ? [`platform=${encodeURIComponent(formatPlatform(platform))}`] : []),
  ]
  return `pkg:docker/${repository}${version === undefined ? '' : `@${version}`}${query.length > 0 ? `?${query.join('&')}` : ''}`
}
