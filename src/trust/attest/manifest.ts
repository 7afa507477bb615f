import { utf8 } from '#base'
import { Annotation, describe, encodeDocument, MediaType } from '#oci'
import type { Descriptor, EncodedDocument } from '#oci'
import type { Statement } from '../types.ts'

/** BuildKit's: what it writes since its attestations are artifacts. */
const ARTIFACT = 'application/vnd.docker.attestation.manifest.v1+json'
const STATEMENT = 'application/vnd.in-toto+json'

/** Attestations as they go into an index, and the blobs to put first. */
export interface AttestationManifest {
  /** Its entry in the index beside the image: for nobody's platform. */
  readonly entry: Descriptor
  /** Blobs first, the manifest last. */
  readonly documents: readonly EncodedDocument[]
}

/**
 * Statements about an image as one manifest that is found both ways: by an index whose entry it is, as BuildKit does
 * it, and by registries that list what refers to the image, its subject.
 */
export async function attestationManifest(
  image: Descriptor,
  statements: readonly Statement[],
): Promise<AttestationManifest> {
  const blobs: EncodedDocument[] = []
  const layers: Descriptor[] = []
  for (const statement of statements) {
    const blob = await encodeDocument(STATEMENT, statement)
    blobs.push(blob)
    layers.push({ ...blob.descriptor, annotations: { 'in-toto.io/predicate-type': statement.predicateType } })
  }
  const config = await describe(MediaType.ociEmpty, utf8('{}'))
  const { mediaType, digest, size } = image
  const manifest = await encodeDocument(MediaType.ociManifest, {
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    artifactType: ARTIFACT,
    config: { ...config.descriptor, data: 'e30=' },
    layers,
    subject: { mediaType, digest, size },
  })
  const entry = {
    ...manifest.descriptor,
    annotations: {
      [Annotation.dockerReferenceDigest]: digest,
      [Annotation.dockerReferenceType]: 'attestation-manifest',
    },
    platform: { architecture: 'unknown', os: 'unknown' },
  }
  return { entry, documents: [config, ...blobs, manifest] }
}
