import { fail } from '#base'
import type { CopyOptions } from '#content'
import { Annotation, chooseManifest, formatPlatform, isAttestation } from '#oci'
import type { Descriptor, Platform } from '#oci'

/**
 * A `select` that takes the entries of an index for some platforms, and what is attached to them inside
 * the index (BuildKit's attestations). The index stays as it is, so its digest does; `not_found` for a
 * platform that it lacks.
 */
export function somePlatforms(platforms: readonly Platform[]): NonNullable<CopyOptions['select']> {
  return (manifests) => {
    const chosen = new Set(platforms.map((platform) => entryFor(manifests, platform)))
    const digests = new Set([...chosen].map((d) => d.digest as string))
    return manifests.filter((d) => chosen.has(d) || digests.has(attachedTo(d) ?? ''))
  }
}

function entryFor(manifests: readonly Descriptor[], platform: Platform): Descriptor {
  const found = chooseManifest(manifests, platform)
  if (found) return found
  const known = manifests.flatMap((m) => (m.platform && !isAttestation(m) ? [formatPlatform(m.platform)] : []))
  return fail('not_found', `no image for ${formatPlatform(platform)} in this index`, {
    hint: `it has: ${known.join(', ')}`,
  })
}

function attachedTo(d: Descriptor): string | undefined {
  return isAttestation(d) ? d.annotations?.[Annotation.dockerReferenceDigest] : undefined
}
