import type { Call } from '#base'
import { build as buildImage, type BuildResult } from '#build'
import { acquireLease } from '#content'
import {
  familiarName,
  formatPlatform,
  hostPlatform,
  isIndex,
  matchPlatform,
  parsePlatform,
  parseReference,
  type Platform,
} from '#oci'
import { newId } from '../container/name.ts'
import type { Parts } from '../parts.ts'
import { createWorkDir } from '../system/workdir.ts'
import type { Built } from '../types.ts'
import { openBuildHost } from './buildhost.ts'
import type { BuildRequest } from './buildrequest.ts'
import { imageContent } from './content.ts'
import { fullName } from './names.ts'
import { checkOutputs, sendOutputs } from './outputs/outputs.ts'

/** Builds an image and sends it where it is to go: without any wish, under its names into the local store. */
export async function build(parts: Parts, request: BuildRequest, call?: Call): Promise<Built> {
  const { tags = [], pull, platforms: wanted, outputs, ...options } = request
  const names = tags.map(fullName)
  const platforms = wanted?.map((text) => parsePlatform(text))
  checkOutputs(outputs ?? [])
  await using lease = acquireLease(parts.db, `build ${names[0] ?? request.context}`)
  using work = await createWorkDir(parts, 'build')
  await using host = await openBuildHost(parts, { lease, workDir: work.path, policy: pull ? 'always' : 'missing' })
  const result = await buildImage(
    host,
    { ...options, ...(platforms?.length && { platforms: distinct(platforms) }) },
    call,
  )
  const content = await imageContent(parts)
  const session = { parts, host, lease, content, result, root: result.root, names }
  const descriptor = await sendOutputs(session, outputs, call)
  return {
    id: idOf(result),
    digest: descriptor.digest,
    descriptor,
    names: names.map((name) => familiarName(parseReference(name))),
    references: names,
    ref: newId().slice(0, 25),
  }
}

/** Docker's image ID; an index has that of the image that runs here, else of the first. */
function idOf({ images, root }: BuildResult): Built['id'] {
  const here = isIndex(root.mediaType) && images.find(({ platform }) => matchPlatform(hostPlatform(), platform) === 0)
  return (here || images[0]!).imageId
}

function distinct(platforms: readonly Platform[]): readonly Platform[] {
  return [...new Map(platforms.map((platform) => [formatPlatform(platform), platform])).values()]
}
