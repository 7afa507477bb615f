import { fail } from '#base'
import { DOCUMENT_LIMIT, isIndex, isManifest, MediaType, parseDigest } from '#oci'
import type { Descriptor, Digest } from '#oci'
import { repositoryScope } from '../auth/scope.ts'
import type { Registry } from '../registry.ts'
import type { RetryOptions } from '../transport/retry.ts'

/** A repository at one registry: what every verb of the distribution-spec starts from. */
export interface Place {
  readonly registry: Registry
  /** The repository's path there. */
  readonly path: string
  readonly retry: RetryOptions
  /** Attempts to go on with one transfer that broke, without progress in between. */
  readonly resumes: number
  /** Bytes per PATCH; default: the whole blob in one. */
  readonly chunkBytes?: number
}

/** An artifact manifest of image-spec 1.1's release candidates: stored as manifests are. */
const ARTIFACT_MANIFEST = 'application/vnd.oci.artifact.manifest.v1+json'

/** Everything that may come back from `manifests/`. */
export const ACCEPTED: string = [
  MediaType.ociIndex,
  MediaType.ociManifest,
  MediaType.dockerManifestList,
  MediaType.dockerManifest,
  ARTIFACT_MANIFEST,
  // Schema 1 is refused, but with its own error.
  'application/vnd.docker.distribution.manifest.v1+prettyjws',
  '*/*;q=0.1',
].join(', ')

/** True for what lives under `manifests/`; everything else is a blob. */
export function isDocument(mediaType: string): boolean {
  return isManifest(mediaType) || isIndex(mediaType) || mediaType === ARTIFACT_MANIFEST
}

export function manifestPath(place: Place, ref: string): string {
  return `/v2/${place.path}/manifests/${ref}`
}

export function blobPath(place: Place, digest: Digest): string {
  return `/v2/${place.path}/blobs/${parseDigest(digest)}`
}

export function pullScope(place: Place): readonly string[] {
  return [repositoryScope(place.path, 'pull')]
}

export function pushScope(place: Place): readonly string[] {
  return [repositoryScope(place.path, 'pull', 'push')]
}

export function deleteScope(place: Place): readonly string[] {
  return [repositoryScope(place.path, 'delete', 'pull')]
}

/** Refuses a descriptor that could not be one of a document, before anything is asked for. */
export function checkDocumentSize(d: Descriptor): void {
  if (d.size > DOCUMENT_LIMIT)
    fail('resource_exhausted', `${d.digest} says it has ${d.size} bytes; a manifest has at most ${DOCUMENT_LIMIT}`)
}
