import { NONE, PathTree } from '#codec'
import type { Digest } from '#oci'
import type { SourceTree } from '../source/tree.ts'
import { FileContent } from './filecontent.ts'
import type { EntryTable, LayerEntry } from './target.ts'

const DIGEST = 32

/** Where files come from: `prefix` in a tree, and then the entry's own path from its `cut`th character on. */
interface Source {
  readonly tree: SourceTree
  readonly prefix: string
  readonly cut: number
  readonly isChecked: boolean
}

type Common = Pick<LayerEntry, 'type' | 'mode' | 'uid' | 'gid'>
/** What few entries have. */
type Rare = Pick<LayerEntry, 'xattrs' | 'target' | 'device' | 'content'>

/**
 * The entries of a layer in the making by their paths, in columns: a context may have a hundred thousand files, and a
 * file is 120 bytes here, in objects it was a kilobyte. What comes out of it is made anew each time.
 */
export class LayerEntries implements EntryTable {
  readonly #paths = new PathTree()
  /** Number + 1 of what is common to many entries; 0 for a directory that is only on the way. */
  #common = new Uint32Array(1024)
  #mtime = new BigInt64Array(1024)
  /** Of files from a tree: number + 1 of their source, size, and digest if that is checked. */
  #source = new Uint32Array(1024)
  #size = new Float64Array(1024)
  #digests = new Uint8Array(0)
  readonly #commons: Common[] = []
  readonly #commonByKey = new Map<string, number>()
  readonly #sources: Source[] = []
  readonly #rare = new Map<number, Rare>()

  has(path: string): boolean {
    const node = this.#paths.find(path)
    return node !== NONE && this.#common[node] !== 0
  }

  get(path: string): LayerEntry | undefined {
    return this.has(path) ? this.#entry(this.#paths.find(path), path) : undefined
  }

  set(path: string, entry: LayerEntry): void {
    const { mtime, content } = entry
    const node = this.#paths.make(path)
    this.#reserve(node)
    this.#common[node] = this.#numberOf(entry) + 1
    this.#mtime[node] = mtime
    this.#source[node] = 0
    const isPlain = content instanceof FileContent && content.link === undefined
    if (isPlain) this.#setContent(node, path, content)
    const rare = rareOf(entry, isPlain)
    if (rare) this.#rare.set(node, rare)
    else this.#rare.delete(node)
  }

  /** In order of the paths' bytes, a directory right before what is in it. */
  *[Symbol.iterator](): Generator<readonly [path: string, entry: LayerEntry], void, void> {
    for (const [path, node] of this.#paths.inOrder())
      if (this.#common[node] !== 0) yield [path, this.#entry(node, path)]
  }

  #numberOf({ type, mode, uid, gid }: Common): number {
    const key = `${type} ${mode} ${uid} ${gid}`
    const known = this.#commonByKey.get(key)
    if (known !== undefined) return known
    this.#commonByKey.set(key, this.#commons.length)
    return this.#commons.push({ type, mode, uid, gid }) - 1
  }

  #setContent(node: number, path: string, content: FileContent): void {
    this.#size[node] = content.size
    this.#source[node] = this.#sourceOf(path, content) + 1
    if (content.expected === undefined) return
    const end = DIGEST * (node + 1)
    if (this.#digests.length < end) this.#digests = grown(this.#digests, DIGEST * this.#size.length)
    this.#digests.subarray(end - DIGEST, end).setFromHex(content.expected.slice('sha256:'.length))
  }

  /** Files come in runs: their source is that of the one before, or a new one. */
  #sourceOf(path: string, { tree, path: from, expected }: FileContent): number {
    const isChecked = expected !== undefined
    const last = this.#sources.at(-1)
    if (last?.tree === tree && last.isChecked === isChecked && last.prefix + path.slice(last.cut) === from)
      return this.#sources.length - 1
    let same = 0
    while (same < Math.min(path.length, from.length) && path.at(-1 - same) === from.at(-1 - same)) same++
    return (
      this.#sources.push({ tree, prefix: from.slice(0, from.length - same), cut: path.length - same, isChecked }) - 1
    )
  }

  #entry(node: number, path: string): LayerEntry {
    return {
      ...this.#commons[this.#common[node]! - 1]!,
      mtime: this.#mtime[node]!,
      ...(this.#source[node] === 0 ? {} : { content: this.#content(node, path) }),
      ...this.#rare.get(node),
    }
  }

  #content(node: number, path: string): FileContent {
    const { tree, prefix, cut, isChecked } = this.#sources[this.#source[node]! - 1]!
    const digest = this.#digests.subarray(DIGEST * node, DIGEST * (node + 1))
    const expected: Digest | undefined = isChecked ? `sha256:${digest.toHex()}` : undefined
    return new FileContent(tree, { path: prefix + path.slice(cut), size: this.#size[node]!, expected })
  }

  #reserve(node: number): void {
    if (node < this.#common.length) return
    const length = 2 * node
    this.#common = new Uint32Array(grown(this.#common, 4 * length).buffer)
    this.#mtime = new BigInt64Array(grown(this.#mtime, 8 * length).buffer)
    this.#source = new Uint32Array(grown(this.#source, 4 * length).buffer)
    this.#size = new Float64Array(grown(this.#size, 8 * length).buffer)
  }
}

/** The same memory with zeros behind it; taken from the array, so that no copy waits for the collector. */
function grown({ buffer }: { readonly buffer: ArrayBuffer }, length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer.transfer(length))
}

function rareOf({ xattrs, target, device, content }: LayerEntry, isPlain: boolean): Rare | undefined {
  const rare = {
    ...(xattrs && xattrs.size > 0 ? { xattrs } : {}),
    ...(target === undefined ? {} : { target }),
    ...(device === undefined ? {} : { device }),
    ...(isPlain || !content ? {} : { content }),
  }
  return Object.keys(rare).length > 0 ? rare : undefined
}
