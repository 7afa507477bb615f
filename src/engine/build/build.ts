import type { Call } from '#base'
import { build as buildImage, type BuildHost, type BuildResult, type CacheSource } from '#build'
import { acquireLease, type ContentProvider, type Lease } from '#content'
import { openImage, type OpenedImage } from '#image'
import { familiarName, hostPlatform, isIndex, matchPlatform, parseReference, type Descriptor, type Digest } from '#oci'
import { newId } from '../container/name.ts'
import type { Pins } from '../lock/pins.ts'
import type { Parts } from '../parts.ts'
import { createWorkDir } from '../system/workdir.ts'
import type { Built } from '../types.ts'
import { openBuildHost } from './host.ts'
import { buildOptions } from './options.ts'
import type { BuildRequest } from './request.ts'
import type { CacheDestination, CachePlace } from './cache/types.ts'
import { imageContent } from '../image/content.ts'
import { locateBase } from '../image/find.ts'
import type { LazyBases } from './lazybase.ts'
import { fullName } from '../image/names.ts'
import { forgetBuild, rememberBuild, type MeantBase } from './remembered.ts'
import { checkOutputs, sendOutputs } from './outputs/outputs.ts'

/** Builds an image and sends it where it is to go: without any wish, under its names into the local store. */
export async function build(parts: Parts, request: BuildRequest, call?: Call): Promise<Built> {
  await using lease = acquireLease(parts.db, `build ${request.tags?.[0] ?? request.context}`)
  return (await buildAmong(parts, request, { lease }, call)).built
}

/** Other builds that this one is done with. */
export interface Company {
  /** Keeps the result until the caller lets it go. */
  readonly lease: Lease
  readonly shared?: BuildHost['shared']
  /** The result of another build by the reference that this one has for it. */
  readonly made?: (ref: string) => BuildResult | undefined
}

/** {@link build}, as one of several. */
export async function buildAmong(
  parts: Parts,
  request: BuildRequest,
  { lease, shared, made }: Company,
  call?: Call,
): Promise<{ readonly built: Built; readonly result: BuildResult }> {
  const { tags = [], pull, outputs, cacheFrom = [] } = request
  const names = tags.map(fullName)
  const recordsOnly = outputs?.every(({ type }) => type === 'cacheonly') ?? false
  checkOutputs(outputs ?? [], names)
  using work = await createWorkDir(parts, 'build')
  const lazy = await lazyBases(parts, request, lease)
  const policy = pull ? 'always' : 'missing'
  const bases: MeantBase[] = []
  const meant = (base: MeantBase): void => void bases.push(base)
  forgetBuild(parts, request)
  await using host = await openBuildHost(parts, { lease, workDir: work.path, policy, meant, ...(lazy && { lazy }) })
  const content = await imageContent(parts)
  const pins = request.lock && new (await import('../lock/pins.ts')).Pins(request.lock)
  const result = await buildImage(
    {
      ...host,
      ...(shared && { shared }),
      ...(pins && { pins }),
      resolveImage: resolverOf(parts, { host, content, made, pins }),
    },
    { ...buildOptions(request), recordsOnly, cacheFrom: await cacheSources(parts, cacheFrom) },
    call,
  )
  const attested =
    !recordsOnly &&
    request.attest &&
    (await (await import('./attest/attest.ts')).attest(parts, { host, result, names }, request.attest, call))
  const { root, predicates, provenance } = attested || { root: result.root }
  const session = { parts, host, lease, content, result, root, names, ...(predicates && { predicates }) }
  await lazy?.settle()
  const { descriptor, pushed } = await sendOutputs(session, outputs, call)
  await pins?.save(result)
  await rememberBuild(parts, request, { result, bases })
  const cacheTo = cacheDestinations(request)
  if (cacheTo.length > 0) await (await import('./cache/send.ts')).sendCaches(session, { places: cacheTo, pushed }, call)
  return { built: { ...namedResult(result, descriptor, names), ...(provenance && { provenance }) }, result }
}

/** Finds images: those that other builds make, then those that a lock pins, then any. */
function resolverOf(
  parts: Parts,
  from: {
    readonly host: BuildHost
    readonly content: ContentProvider
    readonly made: Company['made']
    readonly pins: Pins | undefined
  },
): BuildHost['resolveImage'] {
  const { host, content, made, pins } = from
  const resolve: BuildHost['resolveImage'] = (ref, platform, call) => {
    const other = made?.(ref)
    return other ? openImage(content, other.root, platform, call) : host.resolveImage(ref, platform, call)
  }
  return pins ? pins.resolver(resolve, (ref, image) => rootOf(parts, ref, image)) : resolve
}

function namedResult(result: BuildResult, descriptor: Descriptor, references: readonly string[]): Built {
  return {
    id: idOf(result),
    digest: descriptor.digest,
    descriptor,
    names: references.map((name) => familiarName(parseReference(name))),
    references,
    ref: newId().slice(0, 25),
  }
}

/** What a name means here, if that leads to the image: an index serves all platforms. */
async function rootOf(parts: Parts, ref: string, image: OpenedImage): Promise<Digest> {
  const here = await locateBase(parts, ref).catch(() => undefined)
  if (!here || here.root.digest === image.descriptor.digest) return image.descriptor.digest
  const same = await openImage(await imageContent(parts), here.root, image.platform).catch(() => undefined)
  return same?.descriptor.digest === image.descriptor.digest ? here.root.digest : image.descriptor.digest
}

/** A lock names what a base is for every platform, so with one bases are pulled. */
async function lazyBases(parts: Parts, request: BuildRequest, lease: Lease): Promise<LazyBases | undefined> {
  if (!request.cacheFrom?.length || request.lock) return undefined
  return new (await import('./lazybase.ts')).LazyBases(parts, lease)
}

/** BuildKit's old way to ask for an inline cache is a build argument. */
function cacheDestinations({ cacheTo = [], buildArgs }: BuildRequest): readonly CacheDestination[] {
  const isInline = /^(?:1|t|true)$/i.test(buildArgs?.['BUILDKIT_INLINE_CACHE'] ?? '')
  return isInline && !cacheTo.some(({ type }) => type === 'inline') ? [...cacheTo, { type: 'inline' }] : cacheTo
}

async function cacheSources(parts: Parts, places: readonly CachePlace[]): Promise<readonly CacheSource[]> {
  if (places.length === 0) return []
  const { cacheSource } = await import('./cache/place.ts')
  return places.map((place) => cacheSource(parts, place))
}

/** Docker's image ID; an index has that of the image that runs here, else of the first. */
function idOf({ images, root }: BuildResult): Built['id'] {
  const here = isIndex(root.mediaType) && images.find(({ platform }) => matchPlatform(hostPlatform(), platform) === 0)
  return (here || images[0]!).imageId
}
