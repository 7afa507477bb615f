import type { ByteStream, Call } from '#base'
import type { Digest } from '#oci'

/** Another registry behind this one. What is asked for is copied into the registry's own storage. */
export interface ImageSource {
  /** The digest behind a tag, without its bytes; undefined when that cannot be told. `not_found`. */
  head(repository: string, tag: string, call: Call): Promise<Digest | undefined>
  /** A manifest, checked when asked for by digest. `not_found`, `unavailable`. */
  manifest(repository: string, reference: string, call: Call): Promise<FetchedManifest>
  /** Its bytes are checked by whoever asks. `not_found`, `unavailable`. */
  blob(repository: string, digest: Digest, call: Call): Promise<ByteStream>
}

export interface FetchedManifest {
  readonly bytes: Uint8Array
  readonly digest: Digest
  readonly contentType: string | null
}
