import { isIndex, isManifest } from './mediatype.ts'
import { parseIndex, parseManifest } from './manifest.ts'
import type { Descriptor, Digest } from './types.ts'

/** A document that refers to another one, as lists of referrers show it. */
export interface Referrer {
  readonly subject: Digest
  /** With the artifact type (the document's own, else its config's type) and the annotations. */
  readonly descriptor: Descriptor
}

/** What a document refers to (distribution-spec, listing referrers); undefined for one without a subject. */
export function referrerOf({ mediaType, digest, size }: Descriptor, bytes: Uint8Array): Referrer | undefined {
  if (!isIndex(mediaType) && !isManifest(mediaType)) return undefined
  const document = isIndex(mediaType) ? parseIndex(bytes) : parseManifest(bytes)
  if (!document.subject) return undefined
  const artifactType = document.artifactType ?? ('config' in document ? document.config.mediaType : undefined)
  const { annotations } = document
  return {
    subject: document.subject.digest,
    descriptor: {
      mediaType,
      digest,
      size,
      ...(artifactType ? { artifactType } : {}),
      ...(annotations ? { annotations } : {}),
    },
  }
}
