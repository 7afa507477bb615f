import { hexOf, imagePackageUrl } from '#oci'
import type { Digest, Platform } from '#oci'
import type { Predicate, Statement, Subject } from '../types.ts'

/** The predicate type of SLSA provenance v1. */
export const SLSA_PROVENANCE = 'https://slsa.dev/provenance/v1'
/** The predicate type of an SPDX document. */
export const SPDX_DOCUMENT = 'https://spdx.dev/Document'

/** A predicate as an in-toto statement v1 about its subjects. */
export function statementOf({ type, content }: Predicate, subject: readonly Subject[]): Statement {
  return { _type: 'https://in-toto.io/Statement/v1', subject, predicateType: type, predicate: content }
}

/** An image under each of its names, as BuildKit calls them: package URLs of type docker. */
export function imageSubjects(names: readonly string[], platform: Platform, digest: Digest): readonly Subject[] {
  const what = { sha256: hexOf(digest) }
  if (names.length === 0) return [{ name: '_', digest: what }]
  return names.map((name) => ({ name: imagePackageUrl(name, platform), digest: what }))
}
