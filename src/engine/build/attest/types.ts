import type { ProvenanceOptions } from '#build'

/** What is stated about the images of a build, beside them: neither changes an image's own digest. */
export interface AttestRequest {
  readonly provenance?: ProvenanceOptions
  readonly sbom?: boolean
}
