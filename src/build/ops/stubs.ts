import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { RootFs } from '#snapshot'
import { AT_FDCWD, setTimesAt, setXattr, unmount, type Mount } from '#sys'
import { xattrsOf } from '../source/contentdigest.ts'
import { parentOf, SourceTree, type TreeNode } from '../source/tree.ts'
import { mountOnce } from './step.ts'
import { LayerTarget } from './target.ts'

/** An image that lacks these gets them with its first step, as BuildKit's do: without them no runtime starts it read-only. */
const DIRECTORIES = ['proc', 'sys', 'dev'] as const

/** What must be there for something to be mounted over it. */
export interface MountPoint {
  /** Absolute. */
  readonly path: string
  readonly isFile: boolean
}

const FILES: readonly MountPoint[] = ['/etc/resolv.conf', '/etc/hosts'].map((path) => ({ path, isFile: true }))

/**
 * Mounts a step's root over a directory that holds the mount points. It lies below the image, so what the image has
 * hides it, and what the image lacks is there without being written: nothing of it gets into the layer. Where that is
 * not enough, because a symlink leads elsewhere or a layer has removed the path, what is missing lies above the image,
 * its parents as they are in the image.
 */
export function mountWithStubs(root: RootFs, stubs: string, points: readonly MountPoint[] = []): void {
  const all = [...FILES, ...points]
  for (const point of all) writeStub(stubs, point)
  mountOnce(root.mounts.map((mount) => withLower(mount, (lower) => [...lower, stubs])))
  for (const path of DIRECTORIES) makeDirectory(join(root.path, path))
  const above = `${stubs}-above`
  if (!writeMissing(root.path, above, all)) return
  unmount(root.path)
  for (const mount of root.mounts) if (mount.type === 'overlay' && mount.work !== undefined) renew(mount.work)
  mountOnce(root.mounts.map((mount) => withLower(mount, (lower) => [above, ...lower, stubs])))
}

/** What is there, a symlink that leads nowhere included, stays. */
function makeDirectory(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })) return
  mkdirSync(path)
  chmodSync(path, 0o755)
}

/** Mount points that the root lacks, in a directory to lie over it; false when there are none. */
function writeMissing(root: string, above: string, points: readonly MountPoint[]): boolean {
  using tree = new SourceTree(root)
  const target = new LayerTarget(tree)
  const missing = points.filter(({ path }) => tree.resolve(path) === undefined)
  for (const point of missing) writeAbove(tree, above, { ...point, path: target.resolve(point.path) })
  return missing.length > 0
}

function writeAbove(tree: SourceTree, above: string, { path, isFile }: MountPoint): void {
  const parts = path.split('/')
  const parents = parts.slice(0, -1).map((_, i) => parts.slice(0, i + 1).join('/'))
  mkdirSync(above, { recursive: true })
  for (const parent of parents) {
    const there = join(above, parent)
    if (existsSync(there)) continue
    const node = tree.node(parent)
    // The runtime says what is wrong.
    if (node && node.type !== 'directory') return
    mkdirSync(there)
    chmodSync(there, 0o755)
    if (node) repeat(tree, node, there)
  }
  const stub = join(above, path)
  if (existsSync(stub)) return
  if (isFile) writeFileSync(stub, '')
  else mkdirSync(stub)
  chmodSync(stub, isFile ? 0o644 : 0o755)
  // What was made below changed the times of those above.
  for (const parent of parents.toReversed()) {
    const node = tree.node(parent)
    if (node) setTimesAt(AT_FDCWD, join(above, parent), node.stat.mtime)
  }
}

/** A step that writes into a directory takes its attributes from the topmost layer. */
function repeat(tree: SourceTree, node: TreeNode, path: string): void {
  chownSync(path, node.stat.uid, node.stat.gid)
  chmodSync(path, node.stat.mode & 0o7777)
  for (const [name, value] of xattrsOf(tree, node)) setXattr(path, name, value)
}

/** A volatile overlay refuses the work directory of one before it. */
function renew(work: string): void {
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work)
}

function withLower(mount: Mount, change: (lower: readonly string[]) => readonly string[]): Mount {
  return mount.type === 'overlay' ? { ...mount, lower: change(mount.lower) } : mount
}

function writeStub(stubs: string, { path, isFile }: MountPoint): void {
  stubDirectory(stubs, isFile ? dirname(path) : path)
  if (isFile && !existsSync(join(stubs, path))) writeFileSync(join(stubs, path), '')
}

/** A step that writes into one takes its mode into the layer, so the caller's umask has no say. */
function stubDirectory(stubs: string, path: string): void {
  if (parentOf(path) !== path) stubDirectory(stubs, parentOf(path))
  mkdirSync(join(stubs, path), { recursive: true })
  chmodSync(join(stubs, path), 0o755)
}
