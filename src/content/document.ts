import { checkCanceled, collect, fail } from '#base'
import type { Call } from '#base'
import { algorithmOf, digestOf, DOCUMENT_LIMIT } from '#oci'
import type { Descriptor } from '#oci'
import type { ContentProvider } from './types.ts'

/**
 * The bytes of a manifest, index or config: bounded, and checked here once more, since what they
 * say decides what is read next and not every provider is ours.
 */
export async function readDocument(content: ContentProvider, d: Descriptor, call?: Call): Promise<Uint8Array> {
  checkCanceled(call)
  if (d.size > DOCUMENT_LIMIT)
    fail('resource_exhausted', `${d.digest} says it has ${d.size} bytes; a document has at most ${DOCUMENT_LIMIT}`)
  const bytes = await collect(await content.open(d, call), d.size)
  const whole = bytes.length === d.size && (algorithmOf(d.digest) !== 'sha256' || (await digestOf(bytes)) === d.digest)
  return whole ? bytes : fail('data_loss', `${d.digest} is damaged: the bytes are not what the digest says`)
}
