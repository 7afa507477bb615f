import { fail, streamOf } from '#base'
import type { ContentProvider } from '#content'
import { encodeDocument, type Descriptor, type Digest } from '#oci'

/** Documents that were made on the way out, in memory: manifests, indexes, statements. */
export class MadeDocuments implements ContentProvider {
  readonly #bytes = new Map<Digest, Uint8Array>()

  async add(mediaType: string, value: object): Promise<Descriptor> {
    const { descriptor, bytes } = await encodeDocument(mediaType, value)
    this.#bytes.set(descriptor.digest, bytes)
    return descriptor
  }

  async has({ digest }: Descriptor): Promise<boolean> {
    return this.#bytes.has(digest)
  }

  async open({ digest }: Descriptor): ReturnType<ContentProvider['open']> {
    return streamOf(this.#bytes.get(digest) ?? fail('not_found', `blob ${digest} is not here`))
  }
}
