import { utf8 } from '#base'
import { digestOf } from './digest.ts'
import type { Descriptor } from './types.ts'

/** A new document as bytes, with the descriptor that names them. From here on only the bytes count. */
export interface EncodedDocument {
  readonly descriptor: Descriptor
  readonly bytes: Uint8Array
}

/** Serialises a new manifest, index or config: compact JSON, members in the order they were given. */
export function encodeDocument(mediaType: string, value: object): Promise<EncodedDocument> {
  return describe(mediaType, utf8(JSON.stringify(value)))
}

/** Names bytes in memory. */
export async function describe(mediaType: string, bytes: Uint8Array): Promise<EncodedDocument> {
  return { descriptor: { mediaType, digest: await digestOf(bytes), size: bytes.length }, bytes }
}
