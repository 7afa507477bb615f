import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { BuildHost } from '#build'
import type { Lease } from '#content'
import { openImage } from '#image'
import { openBuildNetwork } from '../network/build.ts'
import type { Parts } from '../parts.ts'
import type { PullPolicy } from '../types.ts'
import { imageContent } from './content.ts'
import { locate } from './find.ts'
import { obtain } from './obtain.ts'

/** How one build uses the node. */
export interface BuildSession {
  readonly lease: Lease
  /** A directory of the build's own. */
  readonly workDir: string
  /** For base images. */
  readonly policy: PullPolicy
}

/** The node as a build sees it. */
export async function openBuildHost(parts: Parts, session: BuildSession): Promise<BuildHost> {
  const [store, layers, snapshots, differ, runtime] = await Promise.all([
    parts.store(),
    parts.layers(),
    parts.snapshots(),
    parts.differ(),
    parts.runtime(),
  ])
  const { lease, workDir } = session
  return {
    content: store.leased(lease),
    layers,
    snapshots,
    differ,
    runtime,
    db: parts.db,
    workDir,
    lease,
    resolveImage: await imageResolver(parts, session.policy),
    openNetwork: networkOpener(parts, workDir),
  }
}

async function imageResolver(parts: Parts, policy: PullPolicy): Promise<BuildHost['resolveImage']> {
  const content = await imageContent(parts)
  return async (ref, platform, call) => {
    const find = (): ReturnType<typeof locate> => locate(parts, ref, call)
    const { root } = await obtain(parts, ref, policy, find, call)
    return openImage(content, root, platform, call)
  }
}

function networkOpener(parts: Parts, workDir: string): BuildHost['openNetwork'] {
  return async (mode) => {
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
  }
}
