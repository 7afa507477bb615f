import type { Call } from '#base'
import type { ContentProvider, Lease } from '#content'
import { openImage, type OpenedImage } from '#image'
import {
  isImageConfig,
  isIndex,
  isManifest,
  parseReference,
  withDefaultTag,
  type Descriptor,
  type Platform,
  type Reference,
} from '#oci'
import type { Parts } from '../parts.ts'
import { rememberLayers } from '../registry/layerblobs.ts'
import { rememberPulled } from '../registry/pulledtable.ts'
import { giveName } from '../image/bring.ts'

/**
 * Base images whose layers come when something reads them. For builds that were given caches: of a base that is only
 * below what a cache has, nothing but its documents moves. One that came whole is named as if it had been pulled.
 */
export class LazyBases {
  readonly #parts: Parts
  readonly #lease: Lease
  readonly #opened: { readonly reference: Reference; readonly root: Descriptor; readonly image: OpenedImage }[] = []

  constructor(parts: Parts, lease: Lease) {
    this.#parts = parts
    this.#lease = lease
  }

  async open(ref: string, platform: Platform, call?: Call): Promise<OpenedImage> {
    const reference = withDefaultTag(parseReference(ref))
    const { client } = await this.#parts.registries()
    const repository = client.repository(reference)
    const { descriptor: root } = await repository.document(reference.digest ?? reference.tag ?? 'latest', call)
    const image = await openImage(await this.#keepingDocuments(repository), root, platform, call)
    rememberLayers(this.#parts.db, image.layers, repository.name)
    this.#opened.push({ reference, root, image })
    return image
  }

  /** Names those of which every layer is here now. */
  async settle(): Promise<void> {
    const layers = await this.#parts.layers()
    for (const { reference, root, image } of this.#opened) {
      if (!image.layers.every(({ diffId }) => layers.stat(diffId) !== undefined)) continue
      rememberPulled(this.#parts.db, [root.digest, image.descriptor.digest])
      await giveName(this.#parts, reference, { root, image })
    }
  }

  /** Documents are stored as they are read. */
  async #keepingDocuments(from: ContentProvider): Promise<ContentProvider> {
    const store = (await this.#parts.store()).leased(this.#lease)
    return {
      has: (d, call) => from.has(d, call),
      open: async (d, call) => {
        if (!isIndex(d.mediaType) && !isManifest(d.mediaType) && !isImageConfig(d.mediaType)) return from.open(d, call)
        this.#lease.add(d.digest)
        if (!(await store.has(d, call))) await store.put(d, await from.open(d, call), call)
        return store.open(d, call)
      },
    }
  }
}
