import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fail, type Call } from '#base'
import type { Digest } from '#oci'
import type { CacheMountName } from '../../cachemount/types.ts'
import { digestData } from '../../digest.ts'
import { SourceTree } from '../../source/tree.ts'
import { contextDigest, copyContext } from './contextcopy.ts'
import type { CacheMount, StepMount } from '../definition.ts'
import { withView } from '../step.ts'
import type { MountContext, OneMount } from './types.ts'

/** A directory that stays from build to build. */
export async function cacheMount(mount: CacheMount, context: MountContext, call?: Call): Promise<OneMount> {
  const path = await directoryOf(mount, context, call)
  const source = mount.source === '/' ? path : below(path, mount.source)
  return { mount: { type: 'bind', source, target: mount.target, readonly: mount.readonly } }
}

async function directoryOf(mount: CacheMount, context: MountContext, call?: Call): Promise<string> {
  const { host } = context.environment
  const name = nameOf(mount, context)
  const mine = context.caches.get(digestData(name))
  if (mine !== undefined) return mine
  const fill = async (directory: string): Promise<void> => {
    const { input, tree } = mount
    if (tree !== undefined) {
      const { path } = copyContext({ tree, source: '/' }, context, call)
      await host.differ.apply(host.differ.compare(path, {}, call), directory, call)
    }
    if (!input) return
    const copy = (_: SourceTree, path: string): Promise<void> =>
      host.differ.apply(host.differ.compare(path, {}, call), directory, call)
    await withView(host, context.input(mount), copy, call)
  }
  const options = { sharing: mount.sharing, fill, workDir: host.workDir }
  const { path } = context.cleanup.use(await host.cacheMounts.acquire(name, options, call))
  context.caches.set(digestData(name), path)
  return path
}

function nameOf(mount: CacheMount, context: MountContext): CacheMountName {
  const { id, namespace, mode = 0o755, uid = 0, gid = 0 } = mount
  const seed = seedOf(mount, context)
  return { id, namespace, mode, uid, gid, ...(seed === undefined ? {} : { seed }) }
}

function seedOf(mount: CacheMount, context: MountContext): Digest | undefined {
  const { input, tree } = mount
  if (tree !== undefined) return digestData(contextDigest({ tree, source: '/' }, context.environment))
  return input ? digestData(context.input(mount)) : undefined
}

/** `source=` of a cache: links are followed inside it. */
function below(path: string, source: string): string {
  using tree = new SourceTree(path)
  const node = tree.resolve(source)
  if (!node || !existsSync(join(path, node.path)))
    fail('not_found', `${JSON.stringify(source)} is not in the cache mount`, { hint: 'leave source out, or use from=' })
  return join(path, node.path)
}

/**
 * Caches first, in one order for all steps: two that want the same two never wait for each other. One that a step
 * mounts several times is taken as its strictest mount asks.
 */
export function inOrder(mounts: readonly StepMount[]): StepMount[] {
  const caches = mounts.filter((mount) => mount.type === 'cache')
  const others = mounts.filter((mount) => mount.type !== 'cache')
  return [...caches.toSorted((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1)), ...others]
}

function orderOf({ namespace, id, sharing }: CacheMount): string {
  return JSON.stringify([namespace, id, ['locked', 'private', 'shared'].indexOf(sharing)])
}
