import { join } from 'node:path'
import type { Call } from '#base'
import { build as buildImage } from '#build'
import { acquireLease, openDatabase } from '#content'
import { openImage } from '#image'
import { hostPlatform, parsePlatform } from '#oci'
import type { Parts } from '../parts.ts'
import { createWorkDir } from '../system/workdir.ts'
import { openSource } from '../transport/open.ts'
import { recordedBuild } from './attest/read.ts'
import { recordedPins, repeatRequest, type RepeatOptions } from './attest/repeat.ts'
import { openBuildHost } from './host.ts'
import { buildOptions } from './options.ts'
import { compareImages } from './compare.ts'
import { imageContent } from '../image/content.ts'
import type { Verification } from './verification.ts'

/**
 * Builds an image again from what was recorded of its build, everything from outside as it was found then and nothing
 * from the cache, and says in what the results differ. The image may be anywhere that `copy` reads from. Digests are
 * those of the configs: they name every file and setting, however the layers are compressed.
 */
export async function verifyImage(
  parts: Parts,
  name: string,
  given: RepeatOptions = {},
  call?: Call,
): Promise<Verification> {
  await using source = await openSource(parts, name, {}, call)
  const found = await source.find({}, call)
  const wanted = given.platforms?.[0] === undefined ? hostPlatform() : parsePlatform(given.platforms[0])
  const image = await openImage(found.from, found.root, wanted, call)
  const recorded = await recordedBuild(image.descriptor, found, call)
  const options = { ...buildOptions(repeatRequest(recorded, given)), noCache: true }
  await using lease = acquireLease(parts.db, `verify ${name}`)
  using work = await createWorkDir(parts, 'build')
  await using host = await openBuildHost(parts, { lease, workDir: work.path, policy: 'missing' })
  const { pins, resolver } = recordedPins(recorded)
  using db = openDatabase(join(work.path, 'verify.db'))
  const repeated = { ...host, db, pins, resolveImage: resolver((...of) => host.resolveImage(...of)) }
  const { images } = await buildImage(repeated, { ...options, platforms: [image.platform] }, call)
  const again = await openImage(await imageContent(parts), images[0]!.root, image.platform, call)
  return await compareImages([[image, again]], [image.manifest.config.digest, again.manifest.config.digest], call)
}
