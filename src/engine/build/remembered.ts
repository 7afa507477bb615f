import { statSync } from 'node:fs'
import { placeOf, RememberedBuilds, type BuildResult, type SolvedBuild } from '#build'
import { hostPlatform, matchPlatform, parseManifest, type Descriptor, type Digest, type Platform } from '#oci'
import type { Parts } from '../parts.ts'
import type { BuildRequest } from './request.ts'

/** What a base's name meant to a build. */
export interface MeantBase {
  readonly ref: string
  readonly platform: Platform
  readonly root: Descriptor
}

/** A build as it is remembered. */
export interface RememberedImage extends SolvedBuild {
  readonly root: Descriptor
  readonly imageId: Digest
  readonly bases: readonly { readonly ref: string; readonly root: Digest }[]
  /** What the result consists of besides layers on disk: its documents, and blobs that its base came as. */
  readonly blobs: readonly Descriptor[]
}

/** Before a build looks for itself: what is remembered of its place is no longer the last build there. */
export function forgetBuild(parts: Parts, request: BuildRequest): void {
  new RememberedBuilds(parts.db).forget(placeOf(request))
}

/** Remembers a build that has been named. */
export async function rememberBuild(
  parts: Parts,
  request: BuildRequest,
  { result, bases }: { readonly result: BuildResult; readonly bases: readonly MeantBase[] },
): Promise<void> {
  const program = programOf()
  const { root, images } = result
  const [image] = images
  if (program === undefined || !isPlain(request) || !image || image.root.digest !== root.digest) return
  // For other platforms a name may mean what it meant when it was last asked for.
  if (bases.some(({ platform }) => matchPlatform(hostPlatform(), platform) === undefined)) return
  const remembered = result.remembered(program)
  const store = await parts.store()
  const document = store.document(root)
  if (!remembered || !document) return
  const { config, layers } = parseManifest(document, root.mediaType)
  const made: RememberedImage = {
    ...remembered.solved,
    root,
    imageId: image.imageId,
    bases: bases.map(({ ref, root: { digest } }) => ({ ref, root: digest })),
    blobs: [root, config, ...layers.filter(({ digest }, i) => digest !== image.layers[i])],
  }
  new RememberedBuilds(parts.db).put(remembered.given, JSON.stringify(made))
}

/** What only a node can do is done by a build that looks for itself. */
export function isPlain({
  outputs,
  cacheTo = [],
  cacheFrom = [],
  attest,
  lock,
  pull,
  platforms,
  buildArgs,
}: BuildRequest): boolean {
  if (outputs || cacheTo.length > 0 || cacheFrom.length > 0 || attest || lock || pull || platforms) return false
  return buildArgs?.['BUILDKIT_INLINE_CACHE'] === undefined
}

/** The compiled program; a source tree may change without anybody telling. */
export function programOf(): string | undefined {
  if (!import.meta.path.startsWith('/$bunfs/')) return undefined
  const { ino, size, ctimeMs } = statSync(process.execPath)
  return `${ino} ${size} ${ctimeMs}`
}
