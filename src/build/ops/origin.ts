import type { Digest } from '#oci'
import type { ContentDigestOptions } from '../source/contentdigest.ts'
import { hashFile } from '../source/filedigests.ts'
import { select, type Selected } from '../source/select.ts'
import type { SourceTree, TreeNode } from '../source/tree.ts'
import type { LocalTree } from '../source/localtrees.ts'
import { MAIN_CONTEXT } from '../source/maincontext.ts'
import type { CopyDefinition, CopyItem, CopyPath, FileSource } from './definition.ts'

/** A tree that a copy reads, and what of its entries is copied. */
export interface Origin {
  readonly tree: SourceTree
  /** For messages. */
  readonly where: string
  /** Digest of a file's bytes, as it was when the key was made. */
  readonly digest: (node: TreeNode) => Digest
  /** A directory of this machine: owners, extended attributes and hard links are accidents of it, and files may change. */
  readonly isLocal: boolean
  /** Times are accidents as well. */
  readonly isContext: boolean
}

/** One thing to copy, in the instruction's order. */
export type CopyStep =
  | (Selected & {
      readonly kind: 'path'
      /** Which of the instruction's sources it belongs to. */
      readonly source: number
      readonly origin: Origin
      readonly unpack: boolean
    })
  | Extract<CopyItem, { readonly kind: 'inline' }>

export function localOrigin(name: string, { tree, digests }: LocalTree): Origin {
  const where = name === MAIN_CONTEXT ? 'the build context' : `the context ${JSON.stringify(name)}`
  return { tree, where, digest: (node) => digests.digest(node), isLocal: true, isContext: true }
}

export function stackOrigin(tree: SourceTree, isContext: boolean): Origin {
  const where = isContext ? 'the build context' : 'the image that is copied from'
  return { tree, where, digest: (node) => hashFile(tree, node), isLocal: false, isContext }
}

/** Everything that the instruction names, found. */
export function copySteps(def: CopyDefinition, origin: (from: FileSource) => Origin): CopyStep[] {
  return def.sources.flatMap((item, source): CopyStep[] => {
    if (item.kind === 'inline') return [item]
    const step = { kind: 'path', source, origin: origin(item.from), unpack: item.unpack } as const
    return selectItem(def, item, step.origin).map((found) => ({ ...step, ...found }))
  })
}

/** How an entry of this machine counts. */
export function localContent({ digest }: Origin): ContentDigestOptions {
  return { file: digest, ownership: false }
}

export function selectItem({ exclude }: CopyDefinition, item: CopyPath, { tree, where }: Origin): Selected[] {
  return select(tree, { ...item, ...(exclude ? { exclude } : {}) }, where)
}
