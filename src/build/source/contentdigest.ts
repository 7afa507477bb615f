import { checkCanceled, type Call } from '#base'
import type { Nanoseconds } from '#codec'
import type { Digest } from '#oci'
import { readXattrs } from '#sys'
import { digestData } from '../digest.ts'
import type { Selected } from './select.ts'
import type { SourceTree, TreeNode } from './tree.ts'
import { walk, type Walked } from './walk.ts'

export interface ContentDigestOptions {
  /** Digest of a file's bytes. */
  readonly file: (node: TreeNode) => Digest
  /** Owner and extended attributes are copied, so they count. */
  readonly ownership: boolean
  /** Times that are copied count, as they come out; without it none does. */
  readonly time?: (mtime: Nanoseconds) => Nanoseconds
}

/** A digest in the making of what a copy reads, entry by entry in its order; docs/model/build.md says what counts. */
export class ContentHasher {
  readonly #hasher = new Bun.CryptoHasher('sha256')

  /** What was selected next. */
  begin(path: string): void {
    this.#hasher.update(JSON.stringify(path))
  }

  add(tree: SourceTree, { node, below }: Walked, options: ContentDigestOptions): void {
    this.#hasher.update(JSON.stringify(describe(tree, node, below, options)))
  }

  digest(): Digest {
    return `sha256:${this.#hasher.digest('hex')}`
  }
}

/** Reduces what a copy reads to one digest. */
export function contentDigest(
  tree: SourceTree,
  selected: readonly Selected[],
  options: ContentDigestOptions,
  call?: Call,
): Digest {
  const content = new ContentHasher()
  for (const { path, node, filter } of selected) {
    checkCanceled(call)
    content.begin(path)
    for (const walked of walk(tree, node, filter)) content.add(tree, walked, options)
  }
  return content.digest()
}

function describe(tree: SourceTree, node: TreeNode, below: string, options: ContentDigestOptions): readonly unknown[] {
  const { stat } = node
  const common = [below, node.type, node.type === 'symlink' ? 0 : stat.mode & 0o7777]
  if (options.ownership) {
    const xattrs = [...xattrsOf(tree, node)].map(([key, value]) => `${key}=${value.toHex()}`)
    common.push(stat.uid, stat.gid, xattrs.sort().join())
  }
  if (options.time) common.push(String(options.time(stat.mtime)))
  if (node.type === 'file') return [...common, stat.size, options.file(node)]
  if (node.type === 'symlink') return [...common, node.target]
  return node.type === 'chardev' || node.type === 'blockdev' ? [...common, stat.rdevMajor, stat.rdevMinor] : common
}

/** Extended attributes that belong to the file, not to this host. */
export function xattrsOf(tree: SourceTree, node: TreeNode): ReadonlyMap<string, Uint8Array> {
  if (node.type !== 'file' && node.type !== 'directory') return new Map()
  const all = readXattrs(`/proc/self/fd/${tree.root}/${node.path}`)
  for (const name of all.keys())
    if (/^(?:trusted|user)\.overlay\.|^security\.(?:selinux|ima|evm)$/.test(name)) all.delete(name)
  return all
}

/** One digest of several; of none there is none. */
export function together(digests: readonly Digest[]): Digest | undefined {
  return digests.length === 0 ? undefined : digestData(digests)
}
