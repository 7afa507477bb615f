import { describe, expect, test } from 'bun:test'
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { text } from '#base'
import type { TarInput } from '#codec'
import { openLayout } from '#content'
import type { Compression } from '#oci'
import { entryOf, failure, fileEntry, lacking, must, needsRoot, sampleImage, skipReason, tempDir } from '#testkit'
import { fileTree } from './filetree.ts'
import type { FileTree } from './filetree.ts'
import { openImage } from './open.ts'

async function treeOf(
  layers: readonly (readonly TarInput[])[] | undefined,
  use: (tree: FileTree) => Promise<void>,
  compression: Compression = 'none',
): Promise<void> {
  using dir = tempDir()
  const layout = openLayout(dir.path, { create: true })
  const root = await sampleImage(layout, { compression, ...(layers ? { layers } : {}) })
  await use(await fileTree(await openImage(layout, root)))
}

const read = async (tree: FileTree, path: string): Promise<string> => text(await tree.readFile(path))

describe('the file tree over layers', () => {
  test.each(['none', 'gzip', 'zstd'] as const)(
    'merges %s layers: whiteouts, opaque directories, links',
    (compression) =>
      treeOf(
        undefined,
        async (tree) => {
          expect([...tree.entries()].map((e) => `${e.type} ${e.path} ${e.layer}`)).toEqual([
            'directory dir 1',
            'file dir/new 1',
            'directory etc 0',
            'file etc/os-release 0',
            'file linked 0',
            'file one 1',
            'symlink pointer 1',
          ])
          expect(await read(tree, 'one')).toBe('changed\n')
          // The hard link keeps the bytes that its file had in the layer below.
          expect(await read(tree, 'linked')).toBe('one\n')
          expect(await read(tree, '/pointer')).toBe('new\n')
          expect(tree.stat('pointer')?.type).toBe('symlink')
          expect(tree.resolve('pointer')?.path).toBe('dir/new')
          expect(tree.list('')).toEqual(['dir', 'etc', 'linked', 'one', 'pointer'])
          expect(tree.list('dir')).toEqual(['new'])
          expect(tree.stat('two')).toBeUndefined()
          await failure(tree.readFile('two'), 'not_found')
          await failure(tree.readFile('dir'), 'failed_precondition')
          await failure(tree.readFile('one', 3), 'resource_exhausted')
        },
        compression,
      ),
  )

  test('follows links inside the image only, and not for ever', () =>
    treeOf(
      [
        [
          fileEntry('etc/passwd', 'inside'),
          entryOf('symlink', 'a/up', { linkname: '../../../../etc' }),
          entryOf('symlink', 'absolute', { linkname: '/a/up/passwd' }),
          entryOf('symlink', 'loop', { linkname: 'loop' }),
          entryOf('symlink', 'x', { linkname: 'y' }),
          entryOf('symlink', 'y', { linkname: 'x' }),
          entryOf('symlink', 'dangling', { linkname: 'nowhere' }),
          entryOf('hardlink', 'torn', { linkname: 'nowhere' }),
        ],
      ],
      async (tree) => {
        expect(await read(tree, 'absolute')).toBe('inside')
        expect(await read(tree, 'a/up/passwd')).toBe('inside')
        expect(await read(tree, '../../etc/passwd')).toBe('inside')
        await failure(tree.readFile('loop'), 'failed_precondition')
        await failure(tree.readFile('x'), 'failed_precondition')
        await failure(tree.readFile('dangling'), 'not_found')
        await failure(tree.readFile('torn'), 'data_loss')
      },
    ))

  test.each(['none', 'gzip', 'zstd'] as const)('reads files of many chunks out of %s layers', (compression) => {
    const content = Array.from({ length: 400_000 }, (_, i) => `${i * 7919}\n`).join('')
    return treeOf(
      [[fileEntry('before', 'x'), fileEntry('big', content), fileEntry('after', 'y')]],
      async (tree) => {
        expect((await read(tree, 'big')) === content).toBe(true)
        expect(await read(tree, 'after')).toBe('y')
      },
      compression,
    )
  })

  test('what changes its type loses what was below it', () =>
    treeOf(
      [
        [fileEntry('d/below', 'x'), fileEntry('f', 'x')],
        [fileEntry('d', 'now a file'), fileEntry('f/below', 'f is a directory now'), fileEntry('.wh.absent', '')],
      ],
      async (tree) => {
        expect([...tree.entries()].map((e) => `${e.type} ${e.path}`)).toEqual(['file d', 'directory f', 'file f/below'])
      },
    ))

  const skip = skipReason('umoci', needsRoot(), lacking('umoci'))
  test.skipIf(skip)(
    'is what umoci unpacks, for any layers',
    async () => {
      const name = fc.constantFrom('a', 'b', 'c')
      const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'))
      const op = fc.record({
        kind: fc.constantFrom('file', 'directory', 'symlink', 'remove', 'opaque'),
        path,
        content: fc.constantFrom('', '1', '22'),
      })
      await fc.assert(
        fc.asyncProperty(fc.array(fc.array(op, { maxLength: 6 }), { minLength: 1, maxLength: 3 }), async (ops) => {
          using dir = tempDir()
          const layout = openLayout(join(dir.path, 'layout'), { create: true })
          const root = await sampleImage(layout, { layers: ops.map((layer, i) => layerOf(layer, i === 0)) })
          await layout.tag(root, 'x')
          await must(['umoci', 'unpack', '--image', `${dir.path}/layout:x`, `${dir.path}/bundle`])
          const tree = await fileTree(await openImage(layout, root))
          const ours = await Promise.all([...tree.entries()].map(async (e) => [e.path, await describeEntry(tree, e)]))
          expect(ours as string[][]).toEqual(onDisk(join(dir.path, 'bundle/rootfs')))
        }),
        { numRuns: 12 },
      )
    },
    30_000,
  )
})

interface Op {
  readonly kind: string
  readonly path: string
  readonly content: string
}

/** A well-formed layer: whiteouts first, one entry per path, parents are directories. */
function layerOf(ops: readonly Op[], base: boolean): TarInput[] {
  const entries = new Map<string, TarInput>()
  const whiteouts = new Map<string, TarInput>()
  for (const { kind, path, content } of ops) {
    const parents = path
      .split('/')
      .map((_, i, parts) => parts.slice(0, i).join('/'))
      .filter(Boolean)
    if (parents.some((p) => entries.get(p) && entries.get(p)?.entry.type !== 'directory')) continue
    if ([...entries.keys()].some((p) => p.startsWith(`${path}/`)) && kind !== 'directory') continue
    const slash = path.lastIndexOf('/') + 1
    if (kind === 'remove') {
      const marker = `${path.slice(0, slash)}.wh.${path.slice(slash)}`
      if (!base && !entries.has(path)) whiteouts.set(marker, fileEntry(marker, ''))
      continue
    }
    if (kind === 'opaque' && (base || whiteouts.size > 0)) continue
    for (const p of parents) if (!entries.has(p)) entries.set(p, entryOf('directory', p))
    if (kind === 'file') entries.set(path, fileEntry(path, content))
    else if (kind === 'symlink') entries.set(path, entryOf('symlink', path, { linkname: 'target' }))
    else if (!entries.has(path) || entries.get(path)?.entry.type === 'directory') {
      entries.set(path, entryOf('directory', path))
      if (kind === 'opaque') entries.set(`${path}/.wh..wh..opq`, fileEntry(`${path}/.wh..wh..opq`, ''))
    }
  }
  // A path both removed and made again: what is made wins; readers differ on anything but this order.
  for (const marker of whiteouts.keys()) {
    const path = marker.replace('.wh.', '')
    if (entries.has(path) || parentsAreAbsent(marker, entries)) whiteouts.delete(marker)
  }
  return [...whiteouts.values(), ...[...entries].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, e]) => e)]
}

/** A whiteout needs its directory in the same layer or it would make one. */
function parentsAreAbsent(marker: string, entries: ReadonlyMap<string, TarInput>): boolean {
  const slash = marker.lastIndexOf('/')
  return slash > 0 && entries.get(marker.slice(0, slash))?.entry.type !== 'directory'
}

async function describeEntry(tree: FileTree, e: { type: string; path: string; linkname?: string }): Promise<string> {
  if (e.type === 'file') return `file ${await read(tree, e.path)}`
  return e.type === 'symlink' ? `symlink ${e.linkname}` : e.type
}

function onDisk(root: string, at = ''): string[][] {
  return readdirSync(join(root, at))
    .toSorted()
    .flatMap((name) => {
      const path = at === '' ? name : `${at}/${name}`
      const stat = lstatSync(join(root, path))
      if (stat.isSymbolicLink()) return [[path, `symlink ${readlinkSync(join(root, path))}`]]
      if (stat.isFile()) return [[path, `file ${readFileSync(join(root, path), 'utf8')}`]]
      return [[path, 'directory'], ...onDisk(root, path)]
    })
}
