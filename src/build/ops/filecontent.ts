import { readSync } from 'node:fs'
import { fail } from '#base'
import type { Digest } from '#oci'
import { close } from '#sys'
import { FileHash } from '../digest.ts'
import type { SourceTree, TreeNode } from '../source/tree.ts'
import type { Origin } from './origin.ts'
import type { LayerContent } from './target.ts'

/** What is read of a file. */
export interface FileBytes {
  readonly path: string
  readonly size: number
  /** The digest that the key was made from. */
  readonly expected: Digest | undefined
}

/** The bytes of a tree's file, checked on the way where they may change. */
export class FileContent implements LayerContent, FileBytes {
  readonly tree: SourceTree
  readonly path: string
  readonly size: number
  readonly expected: Digest | undefined
  readonly link?: string

  constructor(tree: SourceTree, { path, size, expected }: FileBytes, link?: string) {
    this.tree = tree
    this.path = path
    this.size = size
    this.expected = expected
    if (link !== undefined) this.link = link
  }

  open(): Iterable<Uint8Array> {
    return readFile(this.tree, this)
  }
}

/** What an entry of a layer holds that is a copy of an origin's file. */
export function contentOf({ tree, digest, isLocal }: Origin, node: TreeNode): FileContent {
  const { size, nlink, dev, ino } = node.stat
  // Hard links in a context are an accident of the machine; in a stage they are what keeps it small.
  const link = !isLocal && nlink > 1 ? `${dev}:${ino}` : undefined
  return new FileContent(tree, { path: node.path, size, expected: isLocal ? digest(node) : undefined }, link)
}

const CHUNK = 1 << 20
/** Buffers of files that have been read: a new one for each of many small files costs more than the file. */
const spare: Uint8Array[] = []

/** A file's bytes, each chunk valid until the next; an error when they are not those that the key was made from. */
export function* readFile(tree: SourceTree, { path, size, expected }: FileBytes): Generator<Uint8Array, void, void> {
  const hash = expected === undefined ? undefined : new FileHash(size)
  const buffer = spare.pop() ?? new Uint8Array(CHUNK)
  const fd = tree.open(path)
  try {
    for (let left = size; left > 0;) {
      const length = readSync(fd, buffer, 0, Math.min(left, buffer.length), null)
      if (length === 0) changed(path)
      left -= length
      const chunk = buffer.subarray(0, length)
      hash?.update(chunk)
      yield chunk
    }
  } finally {
    close(fd)
    spare.push(buffer)
  }
  if (hash && hash.digest() !== expected) changed(path)
}

function changed(path: string): never {
  fail('failed_precondition', `${path} changed while it was copied`, { hint: 'build again' })
}
