import { checkCanceled, fail, isCode } from '#base'
import type { Call } from '#base'
import { blobStatus, copyGraph, onlyPresent } from '#content'
import type { CopyDestination, CopyOptions, ReadOnlyTarget, Target } from '#content'
import type { Descriptor, Digest, Platform } from '#oci'
import { isDocument } from '../repository/place.ts'
import { fallbackTag } from '../repository/referrers.ts'
import type { Repository } from '../types.ts'
import { refersTo } from './attach.ts'
import { somePlatforms } from './platforms.ts'

/** What of an image is copied, and what it is called there. */
export interface CopyImageOptions extends Omit<CopyOptions, 'select'> {
  /** Entries of an index to copy; default all. The index and its digest stay. */
  readonly platforms?: readonly Platform[]
  /** Entries of an index that the source lacks are left out, with a warning. Default: they are an error. */
  readonly sparse?: boolean
  /** Copy what refers to the image as well: signatures, SBOMs, attestations; cosign's tags, too. */
  readonly referrers?: boolean
  /** Names at the destination. */
  readonly tags?: readonly string[]
  /** Repositories of the destination's registry that may have the blobs: `team/base`. */
  readonly mountFrom?: readonly string[] | ((blob: Descriptor) => readonly string[])
}

/** What was done. */
export interface CopiedImage {
  readonly root: Descriptor
  /** Blobs that were mounted from another repository instead of sent. */
  readonly mounted: number
  /** Manifests that refer to the image and were copied with it. */
  readonly referrers: readonly Descriptor[]
}

/** Attempts to send one blob from its beginning, when going on was not possible. */
const ATTEMPTS = 3
const REFERRERS_LIMIT = 10_000
/** Under `sha256-HEX.…`: where cosign kept signatures, attestations and SBOMs before there were referrers. */
const COSIGN_SUFFIXES = ['sig', 'att', 'sbom']

/**
 * Copies an image, or an index with all or some of its images, between any two targets: bytes and
 * digests unchanged, children before parents, the tags last. Between repositories of one registry
 * blobs are mounted where it allows that. Nothing touches the local disk.
 */
export async function copyImage(
  from: ReadOnlyTarget,
  to: Target,
  root: Descriptor,
  options: CopyImageOptions = {},
): Promise<CopiedImage> {
  const copy = new ImageCopy(from, to, options)
  await copy.graph(root)
  const referrers = options.referrers ? await copy.referrers([root]) : []
  for (const tag of options.tags ?? []) await to.tag(root, tag, options)
  return { root, mounted: copy.mounted, referrers }
}

/** Copies what refers to manifests that are there already; returns it. */
export async function copyReferrers(
  from: ReadOnlyTarget,
  to: Target,
  subjects: readonly Descriptor[],
  options: CopyImageOptions = {},
): Promise<readonly Descriptor[]> {
  return new ImageCopy(from, to, options).referrers(subjects)
}

/** Copies every tag of a repository; returns their number. */
export async function copyAllTags(from: Repository, to: Target, options: CopyImageOptions = {}): Promise<number> {
  let count = 0
  for await (const tag of from.tags(options)) {
    const { descriptor } = await from.document(tag, options)
    await copyImage(from, to, descriptor, { ...options, tags: [tag] })
    count++
  }
  return count
}

class ImageCopy {
  readonly #from: ReadOnlyTarget
  readonly #to: Target
  readonly #options: CopyImageOptions
  readonly #lenders: (blob: Descriptor) => readonly string[]
  /** Every manifest and index seen on the way: what may have referrers. */
  readonly #documents = new Map<Digest, Descriptor>()
  /** Blobs that were mounted, and from where. */
  readonly #mounts = new Map<Digest, string>()

  constructor(from: ReadOnlyTarget, to: Target, options: CopyImageOptions) {
    this.#from = from
    this.#to = to
    this.#options = options
    const own = isRepository(from) && isRepository(to) && from.registry === to.registry ? [from.path] : []
    const target = isRepository(to) ? to.path : undefined
    const { mountFrom = [] } = options
    const given = typeof mountFrom === 'function' ? mountFrom : (): readonly string[] => mountFrom
    this.#lenders = (blob) => [...own, ...given(blob)].filter((path) => path !== target)
  }

  async graph(root: Descriptor): Promise<void> {
    const { platforms, sparse } = this.#options
    const select = platforms ? somePlatforms(platforms) : sparse ? this.#present() : undefined
    const onSkip = (leaf: Descriptor): void => this.#skipped(leaf)
    await copyGraph(this.#from, this.#destination(), root, { ...this.#options, onSkip, ...(select ? { select } : {}) })
  }

  get mounted(): number {
    return this.#mounts.size
  }

  #skipped(leaf: Descriptor): void {
    const path = this.#mounts.get(leaf.digest)
    const note = path === undefined ? 'Already exists' : `Mounted from ${path}`
    this.#options.progress?.({ ...blobStatus(leaf, this.#options.vertex), note })
    this.#options.onSkip?.(leaf)
  }

  #present(): NonNullable<CopyOptions['select']> {
    const present = onlyPresent(this.#from)
    return async (manifests, index) => {
      const here = await present(manifests, index)
      const message = `${manifests.length - here.length} of the ${manifests.length} images of ${index.digest} are not there: left out`
      if (here.length < manifests.length) this.#options.progress?.({ kind: 'warning', message })
      return here
    }
  }

  /** Referrers of everything that was copied, and theirs. */
  async referrers(roots: readonly Descriptor[]): Promise<readonly Descriptor[]> {
    const copied: Descriptor[] = []
    const asked = new Set<Digest>()
    for (const queue = [...roots, ...this.#documents.values()]; queue.length > 0;) {
      const subject = queue.shift()!
      if (asked.has(subject.digest)) continue
      asked.add(subject.digest)
      for await (const referrer of this.#from.referrers?.(subject, this.#options) ?? []) {
        checkCanceled(this.#options)
        if (asked.has(referrer.digest) || copied.some((d) => d.digest === referrer.digest)) continue
        if (copied.length >= REFERRERS_LIMIT) fail('resource_exhausted', `more than ${REFERRERS_LIMIT} referrers`)
        if (!(await this.#confirmed(referrer, subject))) continue
        // A referrer is copied whole: a platform chosen for the image says nothing about it.
        await copyGraph(this.#from, this.#destination(), referrer, this.#options)
        copied.push(referrer)
        queue.push(referrer)
      }
      copied.push(...(await this.#cosignTags(subject)))
    }
    return copied
  }

  async #confirmed(referrer: Descriptor, subject: Descriptor): Promise<boolean> {
    if (await refersTo(this.#from, referrer, subject, this.#options)) return true
    const message = `${referrer.digest} is listed as a referrer of ${subject.digest} but is none: left out`
    this.#options.progress?.({ kind: 'warning', message })
    return false
  }

  async #cosignTags(subject: Descriptor): Promise<readonly Descriptor[]> {
    const copied: Descriptor[] = []
    for (const suffix of COSIGN_SUFFIXES) {
      const tag = `${fallbackTag(subject.digest)}.${suffix}`
      const found = await resolved(this.#from, tag, this.#options)
      if (!found) continue
      await copyGraph(this.#from, this.#destination(), found, this.#options)
      await this.#to.tag(found, tag, this.#options)
      copied.push(found)
    }
    return copied
  }

  #destination(): CopyDestination {
    return {
      has: async (d, call) => {
        if (isDocument(d.mediaType)) this.#documents.set(d.digest, d)
        return (await this.#to.has(d, call)) || (!isDocument(d.mediaType) && (await this.#mount(d, call)))
      },
      put: (d, bytes, call) => this.#put(d, bytes, call),
    }
  }

  async #mount(d: Descriptor, call?: Call): Promise<boolean> {
    if (!this.#to.mount) return false
    for (const path of this.#lenders(d))
      if (await this.#to.mount(d, path, call)) {
        this.#mounts.set(d.digest, path)
        return true
      }
    return false
  }

  /** Where an upload could not be taken up, the blob is read and sent once more. */
  async #put(d: Descriptor, bytes: Parameters<Target['put']>[1], call?: Call): Promise<void> {
    let stream = bytes
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#to.put(d, stream, call)
      } catch (error) {
        if (attempt >= ATTEMPTS || isDocument(d.mediaType) || !isCode(error, 'unavailable')) throw error
        if (await this.#to.has(d, call)) return
        stream = await this.#from.open(d, call)
      }
    }
  }
}

async function resolved(from: ReadOnlyTarget, ref: string, call?: Call): Promise<Descriptor | undefined> {
  try {
    return await from.resolve(ref, call)
  } catch (error) {
    if (isCode(error, 'not_found') || isCode(error, 'invalid_argument')) return undefined
    throw error
  }
}

function isRepository(target: ReadOnlyTarget): target is Repository {
  return 'registry' in target && 'path' in target
}
