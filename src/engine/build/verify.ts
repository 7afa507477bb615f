import { join } from 'node:path'
import type { Call } from '#base'
import { build as buildImage, type BuildResult } from '#build'
import { acquireLease, openDatabase } from '#content'
import { openImage, type OpenedImage } from '#image'
import type { Parts } from '../parts.ts'
import { createWorkDir } from '../system/workdir.ts'
import { buildOptions } from './options.ts'
import type { BuildRequest } from './request.ts'
import { openBuildHost } from './host.ts'
import { compareImages } from './compare.ts'
import { imageContent } from '../image/content.ts'
import { elsewhere } from './elsewhere.ts'
import type { Verification } from './verification.ts'

const STRICT_UMASK = 0o077

/**
 * Builds twice, the second time from nothing, elsewhere, with another umask and in another order, and says in what the
 * results differ. Neither gets a name.
 */
export async function verifyBuild(parts: Parts, request: BuildRequest, call?: Call): Promise<Verification> {
  await using lease = acquireLease(parts.db, `verify ${request.context}`)
  using work = await createWorkDir(parts, 'build')
  await using host = await openBuildHost(parts, {
    lease,
    workDir: work.path,
    policy: request.pull ? 'always' : 'missing',
  })
  const options = buildOptions(request)
  // The steps of the first time are those of the build that was asked for: found again, if it was done.
  const first = await buildImage(host, options, { ...(call?.signal && { signal: call.signal }) })
  const again = elsewhere(options, work.path)
  const umask = process.umask(STRICT_UMASK)
  try {
    // With records of its own: what it makes must not answer for later builds.
    using db = openDatabase(join(work.path, 'verify.db'))
    const second = await buildImage({ ...host, db }, again, call)
    return await compare(parts, first, second, call)
  } finally {
    process.umask(umask)
  }
}

async function compare(parts: Parts, first: BuildResult, second: BuildResult, call?: Call): Promise<Verification> {
  const content = await imageContent(parts)
  const open = ({ root, platform }: BuildResult['images'][number]): Promise<OpenedImage> =>
    openImage(content, root, platform, call)
  const pairs = first.images.map(async (image, i) => [await open(image), await open(second.images[i]!)] as const)
  return await compareImages(await Promise.all(pairs), [first.root.digest, second.root.digest], call)
}
