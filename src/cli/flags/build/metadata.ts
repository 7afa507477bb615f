import { writeFileSync } from 'node:fs'
import type { Built } from '#engine'

/** buildx's members, with what a build of ours can say. */
export function metadataOf(built: Built): Record<string, unknown> {
  const { mediaType, digest, size, annotations } = built.descriptor
  const provenance = Object.entries(built.provenance ?? {})
  const suffix = (platform: string): string => (provenance.length > 1 ? `/${platform}` : '')
  return {
    ...Object.fromEntries(
      provenance.map(([platform, content]) => [`buildx.build.provenance${suffix(platform)}`, content]),
    ),
    'buildx.build.ref': `cairn/local/${built.ref}`,
    'containerimage.config.digest': built.id,
    'containerimage.descriptor': { mediaType, digest, size, ...(annotations ? { annotations } : {}) },
    'containerimage.digest': digest,
    ...(built.names.length > 0 ? { 'image.name': built.references.join(',') } : {}),
  }
}

export function writeMetadata(path: string, metadata: object): void {
  writeFileSync(path, `${JSON.stringify(metadata, undefined, 2)}\n`)
}

/** The files that a caller wants to read the result from. */
export function writeResult(
  values: { readonly iidfile?: string; readonly 'metadata-file'?: string },
  built: Built,
): void {
  const { iidfile, 'metadata-file': metadata } = values
  if (metadata !== undefined) writeMetadata(metadata, metadataOf(built))
  if (iidfile !== undefined) writeFileSync(iidfile, built.id)
}
