import { fail, type Call } from '#base'
import { build as buildImage } from '#build'
import { acquireLease } from '#content'
import {
  familiarName,
  formatPlatform,
  formatReference,
  hostPlatform,
  matchPlatform,
  parsePlatform,
  parseReference,
  withDefaultTag,
  type Platform,
} from '#oci'
import type { Parts } from '../parts.ts'
import { createWorkDir } from '../system/workdir.ts'
import type { Built } from '../types.ts'
import { openBuildHost } from './buildhost.ts'
import type { BuildRequest } from './buildrequest.ts'

/** Builds an image and names it. */
export async function build(parts: Parts, request: BuildRequest, call?: Call): Promise<Built> {
  const { tags = [], pull, platforms: wanted, ...options } = request
  const names = tags.map(tagOf)
  const platforms = wanted?.map((text) => parsePlatform(text))
  await using lease = acquireLease(parts.db, `build ${names[0] ?? request.context}`)
  using work = await createWorkDir(parts, 'build')
  const host = await openBuildHost(parts, { lease, workDir: work.path, policy: pull ? 'always' : 'missing' })
  const result = await buildImage(
    host,
    { ...options, ...(platforms?.length && { platforms: distinct(platforms) }) },
    call,
  )
  const here = result.images.find(({ platform }) => matchPlatform(hostPlatform(), platform) !== undefined)
  const table = await parts.names()
  const now = Date.now()
  for (const name of names) table.tag(result.root, name, now)
  if (names.length === 0) table.keep(result.root, now)
  return {
    id: (here ?? result.images[0]!).imageId,
    digest: result.root.digest,
    names: names.map((name) => familiarName(parseReference(name))),
  }
}

function tagOf(text: string): string {
  const reference = parseReference(text)
  if (reference.digest !== undefined)
    fail('invalid_argument', `invalid tag ${JSON.stringify(text)}: a digest cannot be given to an image`)
  return formatReference(withDefaultTag(reference))
}

function distinct(platforms: readonly Platform[]): readonly Platform[] {
  return [...new Map(platforms.map((platform) => [formatPlatform(platform), platform])).values()]
}
