import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fail, utf8, type Call } from '#base'
import { build as buildImage, type BuildHost } from '#build'
import { acquireLease, type Lease } from '#content'
import { openImage } from '#image'
import {
  familiarName,
  formatPlatform,
  formatReference,
  hostPlatform,
  matchPlatform,
  parsePlatform,
  parseReference,
  withDefaultTag,
} from '#oci'
import { openBuildNetwork } from '../network/build.ts'
import type { Parts } from '../parts.ts'
import { createWorkDir } from '../system/workdir.ts'
import type { BuildRequest, Built, PullPolicy } from '../types.ts'
import { imageContent } from './content.ts'
import { locate } from './find.ts'
import { obtain } from './obtain.ts'

/** Builds an image and names it. */
export async function build(parts: Parts, request: BuildRequest, call?: Call): Promise<Built> {
  const names = (request.tags ?? []).map(tagOf)
  const platform = platformOf(request.platform)
  await using lease = acquireLease(parts.db, `build ${names[0] ?? request.context}`)
  using work = await createWorkDir(parts, 'build')
  const host = await openHost(parts, lease, work.path, request.pull ? 'always' : 'missing')
  const result = await buildImage(
    host,
    {
      context: request.context,
      ...(request.dockerfile !== undefined && { dockerfile: request.dockerfile }),
      ...(request.dockerfileText !== undefined && { dockerfileBytes: utf8(request.dockerfileText) }),
      ...(request.target !== undefined && { target: request.target }),
      ...(request.buildArgs && { buildArgs: request.buildArgs }),
      ...(request.labels && { labels: request.labels }),
      ...(request.noCache && { noCache: true }),
      ...(request.network && { network: request.network }),
      ...(platform && { platform }),
    },
    call,
  )
  const table = await parts.names()
  const now = Date.now()
  for (const name of names) table.tag(result.root, name, now)
  if (names.length === 0) table.keep(result.root, now)
  return {
    id: result.imageId,
    digest: result.root.digest,
    names: names.map((name) => familiarName(parseReference(name))),
  }
}

async function openHost(parts: Parts, lease: Lease, workDir: string, policy: PullPolicy): Promise<BuildHost> {
  const [store, layers, snapshots, differ, runtime, content] = await Promise.all([
    parts.store(),
    parts.layers(),
    parts.snapshots(),
    parts.differ(),
    parts.runtime(),
    imageContent(parts),
  ])
  return {
    content: store.leased(lease),
    layers,
    snapshots,
    differ,
    runtime,
    db: parts.db,
    workDir,
    lease,
    resolveImage: async (ref, platform, call) => {
      const find = (): ReturnType<typeof locate> => locate(parts, ref, call)
      const { root } = await obtain(parts, ref, policy, find, call)
      return openImage(content, root, platform, call)
    },
    openNetwork: async (mode) => {
      const dir = join(workDir, `network-${crypto.randomUUID()}`)
      mkdirSync(dir, { recursive: true, mode: 0o700 })
      const network = await openBuildNetwork(parts, mode, dir)
      return {
        ...network,
        [Symbol.asyncDispose]: async () => {
          await network[Symbol.asyncDispose]()
          rmSync(dir, { recursive: true, force: true })
        },
      }
    },
  }
}

function tagOf(text: string): string {
  const reference = parseReference(text)
  if (reference.digest !== undefined)
    fail('invalid_argument', `invalid tag ${JSON.stringify(text)}: a digest cannot be given to an image`)
  return formatReference(withDefaultTag(reference))
}

/** Only the host's platform is built: steps run on this machine. */
function platformOf(text: string | undefined): ReturnType<typeof hostPlatform> | undefined {
  if (text === undefined) return undefined
  const host = hostPlatform()
  const platform = parsePlatform(text, host)
  if (matchPlatform(host, platform) !== undefined) return platform
  return fail('unimplemented', `cannot build for ${formatPlatform(platform)} on ${formatPlatform(host)}`, {
    hint: 'build on a machine of that platform',
  })
}
