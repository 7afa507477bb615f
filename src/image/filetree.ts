import { checkCanceled, collect, fail } from '#base'
import type { ByteStream, Call } from '#base'
import { parseWhiteout, readTar, safePath, splitPath } from '#codec'
import type { EntryType, TarMember } from '#codec'
import type { Layer, OpenedImage } from './types.ts'

/** A file of an image as the topmost layer that has it says. */
export interface TreeEntry extends Omit<TarMember, 'type' | 'dataOffset' | 'storedSize' | 'sparse'> {
  /** Hard links read as what they link to. */
  readonly type: Exclude<EntryType, 'hardlink'>
  /** Relative to the root, which is `''`. */
  readonly path: string
  /** Which layer, from 0 at the base. */
  readonly layer: number
}

/**
 * The root file system that an image's layers make together, without anything unpacked: the
 * layers' tars are read through once (and verified on the way), contents again when asked for.
 */
export interface FileTree {
  /** The entry itself: a symbolic link is not followed. */
  stat(path: string): TreeEntry | undefined
  /** The entry that a path leads to, symbolic links followed inside the image. */
  resolve(path: string): TreeEntry | undefined
  /** Names in a directory, sorted; empty for what is none. */
  list(path: string): readonly string[]
  /** Every entry but the root, parents before children, names in order. */
  entries(): Iterable<TreeEntry>
  /**
   * A regular file's bytes, links followed. `not_found` without it, `resource_exhausted` beyond
   * `limit` (default 16 MiB).
   */
  readFile(path: string, limit?: number, call?: Call): Promise<Uint8Array>
}

interface Node {
  readonly entry: TreeEntry
  /** Where the bytes are: of a hard link, its target's. */
  readonly content?: { readonly layer: Layer; readonly member: TarMember }
  readonly children?: Map<string, Node>
}

const READ_LIMIT = 16 * 1024 * 1024
/** The kernel's own bound (path_resolution(7)). */
const LINKS_LIMIT = 40

/** Merges the layers of an image. */
export async function fileTree(image: Pick<OpenedImage, 'layers'>, call?: Call): Promise<FileTree> {
  const tree = new Tree()
  for (const [i, layer] of image.layers.entries()) await tree.apply(layer, i, call)
  return tree
}

class Tree implements FileTree {
  #root: Node = directoryNode('', 0)

  async apply(layer: Layer, index: number, call?: Call): Promise<void> {
    const own: { readonly path: string; readonly member: TarMember }[] = []
    for await (const { entry } of readTar(await layer.tar(call))) {
      checkCanceled(call)
      const path = safePath(entry.path)
      // Whiteouts hide what is below, wherever in the archive they stand: own entries come after all of them.
      const whiteout = parseWhiteout(path)
      if (!whiteout) own.push({ path, member: entry })
      else if (whiteout.kind === 'remove') this.#remove(whiteout.path)
      else if (whiteout.kind === 'opaque') this.#find(whiteout.path)?.children?.clear()
    }
    for (const { path, member } of own) this.#add(path, member, layer, index)
  }

  stat(path: string): TreeEntry | undefined {
    return this.#find(safePath(path))?.entry
  }

  resolve(path: string): TreeEntry | undefined {
    return this.#follow(path)?.entry
  }

  list(path: string): readonly string[] {
    return [...(this.#follow(path)?.children?.keys() ?? [])].toSorted(byText)
  }

  *entries(): Iterable<TreeEntry> {
    yield* below(this.#root)
  }

  async readFile(path: string, limit: number = READ_LIMIT, call?: Call): Promise<Uint8Array> {
    const node = this.#follow(path) ?? fail('not_found', `the image has no file ${path}`)
    if (node.entry.type !== 'file') fail('failed_precondition', `${path} is no regular file but a ${node.entry.type}`)
    const { size } = node.entry
    if (size > limit) fail('resource_exhausted', `${path} has ${size} bytes; at most ${limit} are read`)
    if (!node.content) fail('data_loss', `${path} is a hard link to a file that is not in the image`)
    if (size === 0) return new Uint8Array(0)
    return readContent(node.content.layer, node.content.member, call)
  }

  #find(path: string): Node | undefined {
    let node: Node | undefined = this.#root
    if (path !== '') for (const name of path.split('/')) node = node?.children?.get(name)
    return node
  }

  #follow(path: string): Node | undefined {
    const todo = safeParts(path)
    const at: Node[] = [this.#root]
    for (let links = 0; todo.length > 0;) {
      const name = todo.shift()!
      if (name === '..') {
        if (at.length > 1) at.pop()
        continue
      }
      const next = at.at(-1)!.children?.get(name)
      if (!next) return undefined
      if (next.entry.type !== 'symlink') {
        at.push(next)
        continue
      }
      if (++links > LINKS_LIMIT) fail('failed_precondition', `${path} leads through too many symbolic links`)
      const target = next.entry.linkname ?? ''
      if (target.startsWith('/')) at.length = 1
      todo.unshift(...safeParts(target))
    }
    return at.at(-1)
  }

  #remove(path: string): void {
    const [directory, name] = splitPath(path)
    this.#find(directory)?.children?.delete(name)
  }

  #add(path: string, member: TarMember, layer: Layer, index: number): void {
    const before = this.#find(path)
    const node = this.#nodeOf(path, member, layer, index, before)
    if (path === '') {
      if (node.children) this.#root = node
      return
    }
    const [directory, name] = splitPath(path)
    this.#directory(directory, index).set(name, node)
  }

  #nodeOf(path: string, member: TarMember, layer: Layer, index: number, before: Node | undefined): Node {
    const { type, dataOffset: _offset, storedSize: _stored, sparse: _sparse, ...rest } = member
    if (type === 'hardlink') {
      const target = this.#find(safePath(member.linkname ?? ''))
      if (target && !target.children) return { ...target, entry: { ...target.entry, path, layer: index } }
      return { entry: { ...rest, type: 'file', path, layer: index } }
    }
    const entry: TreeEntry = { ...rest, type, path, layer: index }
    if (type === 'directory') return { entry, children: before?.children ?? new Map<string, Node>() }
    return type === 'file' ? { entry, content: { layer, member } } : { entry }
  }

  /** The children of a directory, made where no entry made it, as extraction would. */
  #directory(path: string, index: number): Map<string, Node> {
    let node = this.#root
    let at = ''
    for (const name of path === '' ? [] : path.split('/')) {
      at = at === '' ? name : `${at}/${name}`
      let next = node.children!.get(name)
      if (!next?.children) node.children!.set(name, (next = directoryNode(at, index)))
      node = next
    }
    return node.children!
  }
}

function directoryNode(path: string, layer: number): Node {
  const entry: TreeEntry = { type: 'directory', path, mode: 0o755, uid: 0, gid: 0, mtime: 0n, size: 0, layer }
  return { entry, children: new Map() }
}

function* below(node: Node): Generator<TreeEntry, void, void> {
  for (const [, child] of [...node.children!].toSorted(([a], [b]) => byText(a, b))) {
    yield child.entry
    if (child.children) yield* below(child)
  }
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Components of a path inside the root; `..` is kept, for it means the parent of where a link led. */
function safeParts(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.')
}

/** Straight to the bytes where the tar is stored as it is; else through the archive up to them. */
async function readContent(layer: Layer, member: TarMember, call?: Call): Promise<Uint8Array> {
  if (layer.descriptor.digest === layer.diffId && !member.sparse) {
    const tar = await layer.tar({ ...call, offset: member.dataOffset })
    return collect(first(tar, member.size), member.size)
  }
  for await (const { entry, data } of readTar(await layer.tar(call)))
    if (entry.dataOffset === member.dataOffset && entry.type === 'file')
      // Leaving the loop closes the archive.
      return await collect(data, member.size)
  return fail('data_loss', `layer ${layer.diffId} no longer has ${member.path}`)
}

async function* first(bytes: ByteStream, count: number): AsyncGenerator<Uint8Array, void, void> {
  let left = count
  for await (const chunk of bytes) {
    yield chunk.subarray(0, left)
    left -= Math.min(left, chunk.length)
    if (left === 0) return
  }
  if (left > 0) fail('data_loss', 'the layer ends inside a file')
}
