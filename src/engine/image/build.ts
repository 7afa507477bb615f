import type { Call } from '#base'
import { build as buildImage, type BuildResult, type CacheSource } from '#build'
import { acquireLease } from '#content'
import { familiarName, hostPlatform, isIndex, matchPlatform, parseReference } from '#oci'
import { newId } from '../container/name.ts'
import type { Parts } from '../parts.ts'
import { createWorkDir } from '../system/workdir.ts'
import type { Built } from '../types.ts'
import { openBuildHost } from './buildhost.ts'
import { buildOptions } from './buildoptions.ts'
import type { BuildRequest } from './buildrequest.ts'
import type { CachePlace } from './cache/types.ts'
import { imageContent } from './content.ts'
import { fullName } from './names.ts'
import { checkOutputs, sendOutputs } from './outputs/outputs.ts'

/** Builds an image and sends it where it is to go: without any wish, under its names into the local store. */
export async function build(parts: Parts, request: BuildRequest, call?: Call): Promise<Built> {
  const { tags = [], pull, outputs, cacheFrom = [], cacheTo = [] } = request
  const names = tags.map(fullName)
  checkOutputs(outputs ?? [])
  await using lease = acquireLease(parts.db, `build ${names[0] ?? request.context}`)
  using work = await createWorkDir(parts, 'build')
  await using host = await openBuildHost(parts, { lease, workDir: work.path, policy: pull ? 'always' : 'missing' })
  const result = await buildImage(
    host,
    {
      ...buildOptions(request),
      recordsOnly: outputs?.every(({ type }) => type === 'cacheonly') ?? false,
      cacheFrom: await cacheSources(parts, cacheFrom),
    },
    call,
  )
  const content = await imageContent(parts)
  const attested =
    request.attest &&
    (await (await import('./attest/attest.ts')).attest(parts, { host, result, names }, request.attest, call))
  const session = {
    parts,
    host,
    lease,
    content,
    result,
    root: attested?.root ?? result.root,
    names,
    ...(attested && { predicates: attested.predicates }),
  }
  const { descriptor, pushed } = await sendOutputs(session, outputs, call)
  if (cacheTo.length > 0) await (await import('./cache/send.ts')).sendCaches(session, { places: cacheTo, pushed }, call)
  return {
    id: idOf(result),
    digest: descriptor.digest,
    descriptor,
    names: names.map((name) => familiarName(parseReference(name))),
    references: names,
    ref: newId().slice(0, 25),
  }
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
