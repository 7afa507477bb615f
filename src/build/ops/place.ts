import { readSync } from 'node:fs'
import { checkCanceled, fail, utf8, type Call } from '#base'
import type { Digest } from '#oci'
import { close } from '#sys'
import { xattrsOf } from '../source/contentdigest.ts'
import type { Selected } from '../source/select.ts'
import { baseOf, joinPath, parentOf, type SourceTree, type TreeNode } from '../source/tree.ts'
import { walk, type Walked } from '../source/walk.ts'
import { chmodNumber, parseChmod, type ModeChange } from './chmod.ts'
import type { CopyDefinition } from './definition.ts'
import type { CopyStep, Origin } from './origin.ts'
import { ROOT, type Owner } from './owner.ts'
import { keptTime, madeTime } from './step.ts'
import type { LayerContent, LayerEntry, LayerTarget, MadeDirectory } from './target.ts'

export interface PlaceOptions {
  readonly def: CopyDefinition
  /** Replaces every owner. */
  readonly owner?: Owner
}

/** Puts what COPY selected into a layer, with Docker's rules for destinations. */
export class Placement {
  private readonly target: LayerTarget
  private readonly options: PlaceOptions
  private readonly change: ModeChange
  private readonly made: MadeDirectory

  constructor(target: LayerTarget, options: PlaceOptions) {
    const { def, owner } = options
    this.target = target
    this.options = options
    this.change = def.chmod === undefined ? (mode) => mode : parseChmod(def.chmod)
    const mode = (chmodNumber(def.chmod) ?? 0o755) & 0o777
    this.made = { ...(owner ?? ROOT), mode, mtime: madeTime(def.epoch) }
  }

  /** The destination with the directories above it made; itself as well where it must be a directory. */
  destination(): string {
    const { destination } = this.options.def
    const isDirectory = /\/\.?$/.test(destination)
    this.target.makeDirectory(isDirectory ? destination : parentOf(destination), this.made)
    return this.target.resolve(destination)
  }

  /** `onEntry` sees each entry that is read. */
  place(step: CopyStep, onEntry?: (walked: Walked) => void, call?: Call): void {
    if (step.kind === 'inline') this.inline(step.name, step.text)
    else this.copy(step.origin, step, onEntry, call)
  }

  /** A directory's contents go into the destination; anything else becomes it, or goes into it if it is a directory. */
  copy(origin: Origin, { path, node, filter }: Selected, onEntry?: (walked: Walked) => void, call?: Call): void {
    let to = this.destination()
    if (node.type === 'directory') this.target.makeDirectory(to, this.made)
    else if (this.target.at(to)?.type === 'directory' || to === '') to = joinPath(to, baseOf(path))
    for (const walked of walk(origin.tree, node, filter)) {
      checkCanceled(call)
      onEntry?.(walked)
      this.node(origin, walked, walked.below === '' ? to : joinPath(to, walked.below))
    }
  }

  /** A file written in the Dockerfile. */
  inline(name: string, text: string): void {
    let to = this.destination()
    if (to === '' || this.target.at(to)?.type === 'directory') to = joinPath(to, name)
    const bytes = utf8(text)
    const { uid, gid } = this.made
    const mode = this.change(0o644, false)
    const content: LayerContent = { size: bytes.length, open: () => [bytes] }
    this.target.put(to, { type: 'file', mode, uid, gid, mtime: this.made.mtime, content })
  }

  /** Where an archive goes; `--chmod` is for what is copied. */
  directory(): string {
    return this.target.makeDirectory(this.options.def.destination, { ...this.made, mode: 0o755 })
  }

  private node(origin: Origin, { node, below, onTheWay }: Walked, to: string): void {
    if (node.type === 'socket') return
    const found = node.type !== 'directory' ? undefined : to === '' ? node : this.target.at(to)
    if (found?.type !== 'directory') this.target.put(to, this.entry(origin, node))
    // The directory that was named keeps what it has at its destination; those in it bring their own.
    else if (below === '') return
    else if (onTheWay) this.target.changeMode(to, node.stat.mode & 0o7777)
    else this.target.put(to, this.entry(origin, node))
  }

  private entry(origin: Origin, node: TreeNode): LayerEntry {
    const { stat, type } = node
    const { def, owner } = this.options
    const { isLocal, isContext } = origin
    const isLink = type === 'symlink'
    const xattrs = isLocal || isLink ? NO_XATTRS : xattrsOf(origin.tree, node)
    return {
      type: type as LayerEntry['type'],
      mode: isLink ? 0o777 : this.change(stat.mode & 0o7777, type === 'directory'),
      uid: owner?.uid ?? (isLocal ? 0 : stat.uid),
      gid: owner?.gid ?? (isLocal ? 0 : stat.gid),
      mtime: isContext ? this.made.mtime : keptTime(stat.mtime, def.epoch),
      ...(xattrs.size > 0 ? { xattrs } : {}),
      ...(node.target === undefined ? {} : { target: node.target }),
      ...(type === 'file' ? { content: new FileContent(origin, node) } : {}),
      ...(type === 'chardev' || type === 'blockdev' ? { device: [stat.rdevMajor, stat.rdevMinor] as const } : {}),
    }
  }
}

/**
 * The bytes of an origin's file, checked on the way where they may change. A class that keeps nothing else of the
 * file: a context may have a hundred thousand.
 */
export class FileContent implements LayerContent, FileBytes {
  readonly path: string
  readonly size: number
  readonly expected: Digest | undefined
  readonly link?: string
  private readonly tree: SourceTree

  constructor({ tree, digest, isLocal }: Origin, node: TreeNode) {
    this.tree = tree
    this.path = node.path
    this.size = node.stat.size
    this.expected = isLocal ? digest(node) : undefined
    // Hard links in a context are an accident of the machine; in a stage they are what keeps it small.
    if (!isLocal && node.stat.nlink > 1) this.link = `${node.stat.dev}:${node.stat.ino}`
  }

  open(): Iterable<Uint8Array> {
    return readFile(this.tree, this)
  }
}

const NO_XATTRS: ReadonlyMap<string, Uint8Array> = new Map()

const CHUNK = 1 << 20
/** Buffers of files that have been read: a new one for each of many small files costs more than the file. */
const spare: Uint8Array[] = []

/** What is read of a file. */
export interface FileBytes {
  readonly path: string
  readonly size: number
  /** The digest that the key was made from. */
  readonly expected: Digest | undefined
}

/** A file's bytes, each chunk valid until the next; an error when they are not those that the key was made from. */
export function* readFile(tree: SourceTree, { path, size, expected }: FileBytes): Generator<Uint8Array, void, void> {
  const hasher = expected === undefined ? undefined : new Bun.CryptoHasher('sha256')
  const buffer = spare.pop() ?? new Uint8Array(CHUNK)
  const fd = tree.open(path)
  try {
    for (let left = size; left > 0;) {
      const length = readSync(fd, buffer, 0, Math.min(left, buffer.length), null)
      if (length === 0) changed(path)
      left -= length
      const chunk = buffer.subarray(0, length)
      hasher?.update(chunk)
      yield chunk
    }
  } finally {
    close(fd)
    spare.push(buffer)
  }
  if (hasher && `sha256:${hasher.digest('hex')}` !== expected) changed(path)
}

function changed(path: string): never {
  fail('failed_precondition', `${path} changed while it was copied`, { hint: 'build again' })
}
