import { join } from 'node:path'
import type { Call } from '#base'
import { build as buildImage, leakAt, type BuildResult } from '#build'
import { acquireLease, openDatabase } from '#content'
import { imageDifferences, openImage } from '#image'
import type { Digest } from '#oci'
import type { Parts } from '../parts.ts'
import { createWorkDir } from '../system/workdir.ts'
import { buildOptions } from './buildoptions.ts'
import type { BuildRequest } from './buildrequest.ts'
import { openBuildHost } from './buildhost.ts'
import { imageContent } from './content.ts'
import { elsewhere } from './elsewhere.ts'
import type { BuildDifference, Verification } from './verification.ts'

/** Differences that are worth reading; the first few tell the cause of all. */
const MOST = 20
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
    const db = openDatabase(join(work.path, 'verify.db'))
    const second = await buildImage({ ...host, db }, again, call)
    db.close()
    return await compare(parts, first, second, call)
  } finally {
    process.umask(umask)
  }
}

async function compare(parts: Parts, first: BuildResult, second: BuildResult, call?: Call): Promise<Verification> {
  const digests: readonly [Digest, Digest] = [first.root.digest, second.root.digest]
  const differences: BuildDifference[] = []
  const content = await imageContent(parts)
  for (const [i, { root, platform }] of first.images.entries()) {
    const [a, b] = [
      await openImage(content, root, platform, call),
      await openImage(content, second.images[i]!.root, platform, call),
    ]
    for await (const difference of imageDifferences(a, b, call)) {
      const leak = leakAt(difference.path)
      differences.push({ ...difference, ...(leak && { leak }) })
      if (differences.length === MOST) return { digests, differences, more: true }
    }
  }
  return { digests, differences, more: false }
}
