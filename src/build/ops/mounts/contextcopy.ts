import { chmodSync, closeSync, mkdirSync, openSync, symlinkSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { checkCanceled, type Call } from '#base'
import { encodeName } from '#codec'
import type { Digest } from '#oci'
import { AT_FDCWD, setTimesAt } from '#sys'
import { digestText } from '../../digest.ts'
import { contentDigest } from '../../source/contentdigest.ts'
import type { LocalTree } from '../../source/localtrees.ts'
import { MAIN_CONTEXT } from '../../source/maincontext.ts'
import type { SourceTree, TreeNode } from '../../source/tree.ts'
import { readFile } from '../filecontent.ts'
import { keptTime, type ContextTrees } from '../step.ts'
import { find } from './find.ts'
import type { ContextCopy, MountContext } from './types.ts'

/** What of a local directory a mount reads. */
interface ContextPart {
  /** The context's name. */
  readonly tree: string
  readonly source: string
}

function whereIs({ tree }: ContextPart): string {
  return tree === MAIN_CONTEXT ? 'the build context' : `the context ${JSON.stringify(tree)}`
}

/** What a mount reads of the context, as a digest. */
export function contextDigest(part: ContextPart, { trees }: ContextTrees, call?: Call): string {
  const { tree, digests } = trees.get(part.tree)
  const node = find(tree, part.source, whereIs(part))
  const options = { file: (file: TreeNode) => digests.digest(file), ownership: false }
  const content = contentDigest(tree, [{ path: part.source, node }], options, call)
  trees.noteRead(part.tree, digestText(content))
  return content
}

/** A copy that steps only read: one for all that read the same. */
export function sharedCopy(part: ContextPart, context: MountContext, call?: Call): ContextCopy {
  const { copies, scratch } = context.environment
  const name = JSON.stringify([part.tree, part.source, context.epoch])
  const known = copies.get(name)
  if (known) return known
  const copy = copyContext(part, { ...context, dir: scratch() }, call)
  copies.set(name, copy)
  return copy
}

/**
 * A copy of what a mount reads of the context: root's, less what is ignored, whatever becomes of the files outside.
 * Unlike in a layer, files keep the times that they have: tools compare them with those in a cache.
 */
export function copyContext(part: ContextPart, { environment, dir, epoch }: MountContext, call?: Call): ContextCopy {
  const tree = environment.trees.get(part.tree)
  const node = find(tree.tree, part.source, whereIs(part))
  const path = join(dir, `context-${crypto.randomUUID()}`)
  mkdirSync(path)
  const target = join(path, node.path)
  mkdirSync(node.type === 'directory' ? target : dirname(target), { recursive: true })
  copyNode(node, target, { ...tree, epoch }, call)
  return { path, node }
}

type Copying = LocalTree & Pick<MountContext, 'epoch'>

function copyNode(node: TreeNode, to: string, copying: Copying, call?: Call): void {
  checkCanceled(call)
  const { tree, digests, epoch } = copying
  const { type, stat, target = '' } = node
  if (type === 'directory') copyChildren(node, to, copying, call)
  else if (type === 'file') copyFile(tree, node, to, digests.digest(node))
  else if (type === 'symlink') symlinkSync(Buffer.from(encodeName(target)), Buffer.from(encodeName(to)))
  else return
  if (type !== 'symlink') chmodSync(Buffer.from(encodeName(to)), stat.mode & 0o7777)
  setTimesAt(AT_FDCWD, to, keptTime(stat.mtime, epoch))
}

function copyChildren(node: TreeNode, to: string, copying: Copying, call?: Call): void {
  mkdirSync(Buffer.from(encodeName(to)), { recursive: true })
  for (const child of copying.tree.list(node.path))
    copyNode(child, `${to}/${child.path.slice(node.path === '' ? 0 : node.path.length + 1)}`, copying, call)
}

/** The bytes that the key was made from, or an error. */
function copyFile(tree: SourceTree, node: TreeNode, to: string, expected: Digest): void {
  const fd = openSync(Buffer.from(encodeName(to)), 'wx')
  try {
    for (const chunk of readFile(tree, { path: node.path, size: node.stat.size, expected }))
      for (let at = 0; at < chunk.length;) at += writeSync(fd, chunk, at)
  } finally {
    closeSync(fd)
  }
}
