import { readSync } from 'node:fs'
import { fail } from '#base'
import { close } from '#sys'
import type { SourceTree, TreeNode } from './tree.ts'

/** A small file of a tree, symlinks followed inside it; undefined when there is none. */
export function readTreeFile(tree: SourceTree, path: string, limit: number): Uint8Array | undefined {
  const node = tree.resolve(path)
  if (node?.type !== 'file') return undefined
  if (node.stat.size > limit) fail('resource_exhausted', `${path} is larger than ${limit} bytes`)
  return readHead(tree, node, node.stat.size)
}

/** The first bytes of a file, fewer where it is shorter. */
export function readHead(tree: SourceTree, node: TreeNode, length: number): Uint8Array {
  const fd = tree.open(node.path)
  try {
    const bytes = new Uint8Array(length)
    let size = 0
    while (size < length) {
      const read = readSync(fd, bytes, size, length - size, size)
      if (read === 0) break
      size += read
    }
    return bytes.subarray(0, size)
  } finally {
    close(fd)
  }
}
