import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { openDatabase } from '#content'
import { tempDir } from '#testkit'
import { FileDigests, hashFile } from './filedigests.ts'
import { SourceTree, type TreeNode } from './tree.ts'

/** Files that are older than any clock's tick: this directory and the one above, as one walk sees them. */
const above = join(import.meta.dir, '..')

function files(tree: SourceTree, path = ''): TreeNode[] {
  return tree
    .list(path)
    .flatMap((node) => (node.type === 'directory' ? files(tree, node.path) : [node]))
    .toArray()
}

test('what a build read is not read by the next', () => {
  using dir = tempDir()
  using db = openDatabase(join(dir.path, 'cairn.db'))
  using tree = new SourceTree(above)
  const nodes = files(tree)
  const expected = nodes.map((node) => hashFile(tree, node))
  const first = new FileDigests(db, above, tree)
  expect(nodes.map((node) => first.digest(node))).toEqual(expected)
  first.save()
  using unreadable = new SourceTree(above)
  unreadable.open = () => expect.unreachable('a file that is known was read')
  const second = new FileDigests(db, above, unreadable)
  expect(nodes.toReversed().map((node) => second.digest(node))).toEqual(expected.toReversed())
  const touched = { ...nodes[0]!, stat: { ...nodes[0]!.stat, ctime: nodes[0]!.stat.ctime + 1n } }
  expect(() => second.digest(touched)).toThrow('a file that is known was read')
})
