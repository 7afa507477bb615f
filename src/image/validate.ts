import { CairnError } from '#base'
import type { Call } from '#base'
import { readTar, safePath } from '#codec'
import { readDocument } from '#content'
import {
  formatPlatform,
  isAttestation,
  isImageConfig,
  isIndex,
  isManifest,
  matchPlatform,
  parseIndex,
  parseManifest,
} from '#oci'
import type { Descriptor, Digest } from '#oci'
import { openImage } from './open.ts'
import type { Image, Layer, OpenedImage } from './types.ts'

/** One thing that is wrong with an image, and where. */
export interface ImageProblem {
  readonly digest: Digest
  readonly message: string
}

/** What counts as whole. */
export interface ValidateOptions extends Call {
  /** Do not count it as wrong when an index names images that are not here. */
  readonly partial?: boolean
}

/**
 * Reads all of an image and reports what does not hold: every digest and size, every diff ID, that
 * layers are tars whose paths stay inside, that documents agree with each other. An empty list is
 * a whole image. Only a cancelled call throws.
 */
export async function validateImage(image: Image, options: ValidateOptions = {}): Promise<readonly ImageProblem[]> {
  const validation = new Validation(image, options)
  await validation.root(image.root)
  return validation.problems
}

class Validation {
  readonly problems: ImageProblem[] = []
  readonly #image: Image
  readonly #options: ValidateOptions
  readonly #seen = new Set<Digest>()

  constructor(image: Image, options: ValidateOptions) {
    this.#image = image
    this.#options = options
  }

  async root(d: Descriptor): Promise<void> {
    if (this.#seen.has(d.digest)) return
    this.#seen.add(d.digest)
    if (isIndex(d.mediaType)) return this.#attempt(d.digest, () => this.#index(d))
    if (isManifest(d.mediaType)) return this.#attempt(d.digest, () => this.#manifest(d))
    this.#report(d.digest, `no manifest or index: its type is ${d.mediaType}`)
  }

  async #index(d: Descriptor): Promise<void> {
    const { manifests } = parseIndex(await readDocument(this.#image.content, d, this.#options), d.mediaType)
    for (const entry of manifests) {
      if (await this.#image.content.has(entry, this.#options)) await this.root(entry)
      else if (!this.#options.partial) this.#report(entry.digest, `named by index ${d.digest}, but not here`)
    }
  }

  async #manifest(d: Descriptor): Promise<void> {
    const { content } = this.#image
    const manifest = parseManifest(await readDocument(content, d, this.#options), d.mediaType)
    if (!isImageConfig(manifest.config.mediaType) || isAttestation(d)) {
      for (const blob of [manifest.config, ...manifest.layers]) await this.#attempt(blob.digest, () => this.#blob(blob))
      return
    }
    const opened = await openImage(content, d, undefined, this.#options)
    this.#agreement(d, opened)
    for (const layer of opened.layers) await this.#attempt(layer.descriptor.digest, () => this.#layer(layer))
  }

  #agreement(d: Descriptor, { config, layers, platform }: OpenedImage): void {
    if (d.platform && matchPlatform(d.platform, platform) !== 0)
      this.#report(d.digest, `its index says ${formatPlatform(d.platform)}, its config ${formatPlatform(platform)}`)
    const steps = config.history?.filter((step) => !step.empty_layer).length ?? layers.length
    if (steps !== layers.length && steps > 0)
      this.#report(d.digest, `its history has ${steps} steps with a layer, but there are ${layers.length} layers`)
  }

  async #layer(layer: Layer): Promise<void> {
    if (this.#seen.has(layer.descriptor.digest)) return
    this.#seen.add(layer.descriptor.digest)
    for await (const { entry } of readTar(await layer.tar(this.#options))) {
      safePath(entry.path)
      if (entry.type === 'hardlink') safePath(entry.linkname ?? '')
    }
  }

  async #blob(d: Descriptor): Promise<void> {
    for await (const _ of await this.#image.content.open(d, this.#options));
  }

  async #attempt(digest: Digest, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (!(error instanceof CairnError) || error.code === 'canceled') throw error
      this.#report(digest, error.message)
    }
  }

  #report(digest: Digest, message: string): void {
    this.problems.push({ digest, message })
  }
}
