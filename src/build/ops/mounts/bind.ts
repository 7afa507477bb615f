import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Call } from '#base'
import { unmount } from '#sys'
import { contentDigest } from '../../source/contentdigest.ts'
import { hashFile } from '../../source/filedigests.ts'
import { SourceTree, type TreeNode } from '../../source/tree.ts'
import { digestData } from '../../digest.ts'
import type { CacheDep } from '../../types.ts'
import type { BindMount, Stack } from '../definition.ts'
import { mountOnce, stackDep, withView, type StepEnvironment } from '../step.ts'
import { copyContext, sharedCopy } from './contextcopy.ts'
import { find } from './find.ts'
import type { ContextCopy, MountContext, OneMount } from './types.ts'

/** Part of the context, of a stage or of an image. What a step writes into it is gone with the step. */
export async function bindMount(mount: BindMount, context: MountContext, call?: Call): Promise<OneMount> {
  const { target, readonly } = mount
  const { path, node } = await (mount.tree === undefined
    ? fromStack(mount, context, call)
    : (readonly ? sharedCopy : copyContext)({ tree: mount.tree, source: mount.source }, context, call))
  const isFile = node.type !== 'directory'
  return { mount: { type: 'bind', source: join(path, node.path), target, readonly }, isFile }
}

async function fromStack(mount: BindMount, context: MountContext, call?: Call): Promise<ContextCopy> {
  const { host } = context.environment
  const dir = join(context.dir, `bind-${crypto.randomUUID()}`)
  mkdirSync(dir)
  const stack = context.input(mount)
  const root = mount.readonly
    ? await host.snapshots.view(dir, stack, call)
    : await host.snapshots.prepare(dir, stack, { volatile: true }, call)
  mountOnce(root.mounts)
  context.cleanup.defer(() => void unmount(root.path, { lazy: true }))
  using tree = new SourceTree(root.path)
  return { path: root.path, node: find(tree, mount.source, 'the image or stage that is mounted') }
}

/** A step reads of a stack what it mounts: all of it, or the content below a path. */
export function bindDep(mount: { readonly source: string }, { host }: StepEnvironment): CacheDep<Stack> {
  if (mount.source === '/') return stackDep
  const selected = (tree: SourceTree, call?: Call): string => {
    const node = find(tree, mount.source, 'the image or stage that is mounted')
    const options = { file: (file: TreeNode) => hashFile(tree, file), ownership: true }
    return contentDigest(tree, [{ path: mount.source, node }], options, call)
  }
  return {
    contentDigest: (stack, call) => withView(host, stack, async (view) => digestData(selected(view, call)), call),
  }
}
