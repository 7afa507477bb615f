import type { Call } from '#base'
import type { OpenedImage } from '#image'
import { formatPlatform, type Digest, type Platform } from '#oci'
import type { BuildVertex, Definition } from '../../ops/definition.ts'
import { vertex } from '../../solver/vertex.ts'
import { MAIN_CONTEXT } from '../../source/maincontext.ts'
import type { CopyFrom } from './copy.ts'

/** What a build's contexts are, by their names. */
export interface PlannedContexts {
  /** Where COPY reads when it names nothing. */
  readonly main: CopyFrom
  /** Whether a name of a stage or an image means a context instead. */
  has(name: string, platform: Platform): boolean
  get(name: string, platform: Platform, call?: Call): Promise<PlannedContext>
}

/** Files, or an image with all that its config says. */
export type PlannedContext = CopyFrom | { readonly image: OpenedImage } | 'scratch'

export interface SourcesOptions {
  readonly resolveImage: (ref: string, platform: Platform, call?: Call) => Promise<OpenedImage>
  readonly planned?: PlannedContexts
  readonly epoch?: number
}

/** What a stage begins with. */
export interface Base {
  /** Absent for `scratch`. */
  readonly vertex?: BuildVertex
  readonly image?: OpenedImage
}

/** Images and contexts, each asked for once. */
export class Sources {
  /** Images that the graph reads, by manifest digest. */
  readonly images: Map<Digest, OpenedImage> = new Map()
  readonly #options: SourcesOptions
  readonly #call: Call | undefined
  readonly #resolved = new Map<string, Promise<OpenedImage>>()
  readonly #contexts = new Map<string, Promise<PlannedContext>>()

  constructor(options: SourcesOptions, call: Call | undefined) {
    this.#options = options
    this.#call = call
  }

  /** Where COPY reads when it names nothing. */
  get main(): CopyFrom {
    return this.#options.planned?.main ?? { tree: MAIN_CONTEXT }
  }

  isContext(name: string, platform: Platform): boolean {
    return this.#options.planned?.has(name, platform) ?? false
  }

  /** Begins to ask for what is needed later; whoever needs it waits for it and hears of errors. */
  prefetch(name: string, platform: Platform): void {
    const asked = this.isContext(name, platform)
      ? this.#context(name, platform)
      : name === 'scratch'
        ? undefined
        : this.#image(name, platform)
    asked?.catch(() => {})
  }

  /** What `FROM name` begins with. */
  async base(name: string, platform: Platform): Promise<Base> {
    const found = this.isContext(name, platform)
      ? await this.#context(name, platform)
      : await this.#imageOf(name, platform)
    if (found === 'scratch') return {}
    if ('image' in found) return { image: found.image, vertex: this.#imageVertex(name, found.image) }
    return { vertex: this.vertexOf(name, found) }
  }

  /** What `--from=name` reads, where it is no stage. */
  async from(name: string, platform: Platform): Promise<CopyFrom> {
    const found = this.isContext(name, platform)
      ? await this.#context(name, platform)
      : await this.#imageOf(name, platform)
    if (found === 'scratch') return { vertex: emptyVertex() }
    return 'image' in found ? { vertex: this.#imageVertex(name, found.image) } : found
  }

  /** A directory of this machine as the layer that a copy of it makes: for whatever needs a stack. */
  vertexOf(name: string, from: CopyFrom): BuildVertex {
    if ('vertex' in from) return from.vertex
    const { epoch } = this.#options
    const sources = [{ kind: 'path', from, path: '/', unpack: false }] as const
    const def = {
      op: 'copy',
      below: false,
      sources,
      destination: '/',
      ...(epoch === undefined ? {} : { epoch }),
    } as const
    return vertex<Definition>(def, [], { name: `[context ${name}] load` })
  }

  async #imageOf(name: string, platform: Platform): Promise<PlannedContext> {
    return name === 'scratch' ? 'scratch' : { image: await this.#image(name, platform) }
  }

  #image(ref: string, platform: Platform): Promise<OpenedImage> {
    return once(this.#resolved, `${ref} ${formatPlatform(platform)}`, () =>
      this.#options.resolveImage(ref, platform, this.#call),
    )
  }

  #context(name: string, platform: Platform): Promise<PlannedContext> {
    return once(this.#contexts, `${name} ${formatPlatform(platform)}`, () =>
      this.#options.planned!.get(name, platform, this.#call),
    )
  }

  #imageVertex(ref: string, image: OpenedImage): BuildVertex {
    const manifest = image.descriptor.digest
    this.images.set(manifest, image)
    const layers = image.layers.map((layer) => layer.diffId)
    return vertex<Definition>({ op: 'image', manifest, layers }, [], { name: `FROM ${ref}` })
  }
}

/** A root without any layer. */
export function emptyVertex(): BuildVertex {
  return vertex<Definition>({ op: 'image', layers: [] }, [], { name: 'FROM scratch' })
}

function once<T>(memo: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  let promise = memo.get(key)
  if (!promise) memo.set(key, (promise = make()))
  return promise
}
