import { expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
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

test('a directory of any number of files is kept in rows of some, and only rows with changes are written again', () => {
  using dir = tempDir()
  using db = openDatabase(join(dir.path, 'cairn.db'))
  const context = join(dir.path, 'context')
  mkdirSync(context)
  for (let i = 0; i < 2000; i++) writeFileSync(join(context, `${'n'.repeat(90)}${i}`), String(i % 7))
  using tree = new SourceTree(context)
  // Old enough to be believed.
  const nodes = files(tree).map((node) => ({ ...node, stat: { ...node.stat, ctime: 1n } }))
  const expected = nodes.map((node) => hashFile(tree, node))
  const first = new FileDigests(db, context, tree)
  expect(nodes.map((node) => first.digest(node))).toEqual(expected)
  first.save()
  const rows = () =>
    db.all<{ first: Uint8Array; files: Uint8Array }>('SELECT first, files FROM build_context_files ORDER BY first')
  const before = rows()
  expect(before.length).toBeGreaterThan(5)
  for (const { files: bytes } of before) expect(bytes.length).toBeLessThan(100_000)

  using unreadable = new SourceTree(context)
  unreadable.open = () => expect.unreachable('a file that is known was read')
  const second = new FileDigests(db, context, unreadable)
  for (const order of [nodes, nodes.toReversed(), nodes.toSorted(() => Math.random() - 0.5)])
    expect(order.map((node) => second.digest(node))).toEqual(
      order.map((node) => expected[nodes.findIndex(({ path }) => path === node.path)]!),
    )
  const third = new FileDigests(db, context, tree)
  const touched = { ...nodes[1000]!, stat: { ...nodes[1000]!.stat, ctime: 2n } }
  expect(third.digest(touched)).toBe(expected[1000]!)
  third.save()
  const after = rows()
  expect(after.map((row) => row.first)).toEqual(before.map((row) => row.first))
  expect(after.filter(({ files: bytes }, i) => Buffer.compare(bytes, before[i]!.files) !== 0).length).toBe(1)
})
