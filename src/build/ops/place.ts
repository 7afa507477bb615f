import { checkCanceled, utf8, type Call } from '#base'
import { xattrsOf } from '../source/contentdigest.ts'
import type { Selected } from '../source/select.ts'
import { baseOf, joinPath, parentOf, type TreeNode } from '../source/tree.ts'
import { walk, type Walked } from '../source/walk.ts'
import { chmodNumber, parseChmod, type ModeChange } from './chmod.ts'
import type { CopyDefinition } from './definition.ts'
import { contentOf } from './filecontent.ts'
import type { CopyStep, Origin } from './origin.ts'
import { ROOT, type Owner } from './owner.ts'
import { keptTime, madeTime } from './step.ts'
import type { LayerContent, LayerEntry, LayerTarget, MadeDirectory } from './target.ts'

export interface PlaceOptions {
  readonly def: CopyDefinition
  /** Replaces every owner. */
  readonly owner?: Owner
}

/** Sees each entry that a copy reads. */
export type OnEntry = (walked: Walked) => void

/** Puts what COPY selected into a layer, with Docker's rules for destinations. */
export class Placement {
  readonly #target: LayerTarget
  readonly #options: PlaceOptions
  readonly #change: ModeChange
  readonly #made: MadeDirectory

  constructor(target: LayerTarget, options: PlaceOptions) {
    const { def, owner } = options
    this.#target = target
    this.#options = options
    this.#change = def.chmod === undefined ? (mode) => mode : parseChmod(def.chmod)
    const mode = (chmodNumber(def.chmod) ?? 0o755) & 0o777
    this.#made = { ...(owner ?? ROOT), mode, mtime: madeTime(def.epoch) }
  }

  /** The destination with the directories above it made; itself as well where it must be a directory. */
  destination(): string {
    const { destination } = this.#options.def
    const isDirectory = /\/\.?$/.test(destination)
    this.#target.makeDirectory(isDirectory ? destination : parentOf(destination), this.#made)
    return this.#target.resolve(destination)
  }

  /** Goes on by one entry at a time; `onEntry` sees each that is read. */
  *place(step: CopyStep, onEntry?: OnEntry, call?: Call): Generator<void, void, void> {
    if (step.kind === 'inline') this.inline(step.name, step.text)
    else yield* this.copy(step.origin, step, onEntry, call)
  }

  /** A directory's contents go into the destination; anything else becomes it, or goes into it if it is a directory. */
  *copy(origin: Origin, { path, node, filter }: Selected, onEntry?: OnEntry, call?: Call): Generator<void, void, void> {
    let to = this.destination()
    if (node.type === 'directory') this.#target.makeDirectory(to, this.#made)
    else if (this.#target.at(to)?.type === 'directory' || to === '') to = joinPath(to, baseOf(path))
    for (const walked of walk(origin.tree, node, filter)) {
      checkCanceled(call)
      onEntry?.(walked)
      this.#node(origin, walked, walked.below === '' ? to : joinPath(to, walked.below))
      yield
    }
  }

  /** A file written in the Dockerfile. */
  inline(name: string, text: string): void {
    let to = this.destination()
    if (to === '' || this.#target.at(to)?.type === 'directory') to = joinPath(to, name)
    const bytes = utf8(text)
    const { uid, gid } = this.#made
    const mode = this.#change(0o644, false)
    const content: LayerContent = { size: bytes.length, open: () => [bytes] }
    this.#target.put(to, { type: 'file', mode, uid, gid, mtime: this.#made.mtime, content })
  }

  /** Where an archive goes; `--chmod` is for what is copied. */
  directory(): string {
    return this.#target.makeDirectory(this.#options.def.destination, { ...this.#made, mode: 0o755 })
  }

  #node(origin: Origin, { node, below, onTheWay }: Walked, to: string): void {
    if (node.type === 'socket') return
    const found = node.type !== 'directory' ? undefined : to === '' ? node : this.#target.at(to)
    if (found?.type !== 'directory') this.#target.put(to, this.#entry(origin, node))
    // The directory that was named keeps what it has at its destination; those in it bring their own.
    else if (below === '') return
    else if (onTheWay) this.#target.changeMode(to, node.stat.mode & 0o7777)
    else this.#target.put(to, this.#entry(origin, node))
  }

  #entry(origin: Origin, node: TreeNode): LayerEntry {
    const { stat, type } = node
    const { def, owner } = this.#options
    const { isLocal, isContext } = origin
    const isLink = type === 'symlink'
    const xattrs = isLocal || isLink ? NO_XATTRS : xattrsOf(origin.tree, node)
    return {
      type: type as LayerEntry['type'],
      mode: isLink ? 0o777 : this.#change(stat.mode & 0o7777, type === 'directory'),
      uid: owner?.uid ?? (isLocal ? 0 : stat.uid),
      gid: owner?.gid ?? (isLocal ? 0 : stat.gid),
      mtime: isContext ? this.#made.mtime : keptTime(stat.mtime, def.epoch),
      ...(xattrs.size > 0 ? { xattrs } : {}),
      ...(node.target === undefined ? {} : { target: node.target }),
      ...(type === 'file' ? { content: contentOf(origin, node) } : {}),
      ...(type === 'chardev' || type === 'blockdev' ? { device: [stat.rdevMajor, stat.rdevMinor] as const } : {}),
    }
  }
}

const NO_XATTRS: ReadonlyMap<string, Uint8Array> = new Map()
