import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { applyMounts, unmount } from '#sys'
import { fileTree, needsRoot, skipReason, tarOf, tempDir, withErofs, writeLayerFile } from '#testkit'
import type { FileTree, Member, TempDir } from '#testkit'

let dir: TempDir
beforeAll(() => void (dir = tempDir()))
afterAll(() => dir[Symbol.dispose]())

const lacks = needsRoot()
let serial = 0

function fresh(): string {
  const path = join(dir.path, `${serial++}`)
  mkdirSync(path)
  return path
}

/** What overlayfs shows over layers of these members, the lowest first. */
function merged<T>(layers: readonly (readonly Member[])[], look: (root: string) => T): T {
  const lower: string[] = []
  const over = (next: number): T => {
    const members = layers[next]
    if (!members) return overlay(lower, look)
    const image = join(dir.path, `${serial++}.erofs`)
    writeLayerFile(image, tarOf(...members))
    return withErofs(image, fresh(), (root) => {
      lower.unshift(root)
      return over(next + 1)
    })
  }
  return over(0)
}

function overlay<T>(lower: readonly string[], look: (root: string) => T): T {
  const target = fresh()
  applyMounts([{ type: 'overlay', target, lower, upper: fresh(), work: fresh() }])
  try {
    return look(target)
  } finally {
    unmount(target)
  }
}

const root: Member = { path: './', type: 'directory', mode: 0o755 }
const directory = (path: string): Member => ({ path, type: 'directory', mode: 0o755 })
const names = (tree: FileTree): string[] => [...tree.keys()]

test.skipIf(skipReason('whiteouts', lacks))('whiteouts hide, and never show themselves', () => {
  const base = [
    root,
    directory('d'),
    { path: 'd/a' },
    { path: 'd/b' },
    { path: 'f' },
    { path: 'gone/x' },
    { path: 'gone/y' },
  ]
  const top = [
    root,
    directory('d'),
    { path: 'd/.wh.a' },
    { path: '.wh.f' },
    { path: '.wh.gone' },
    // Only this layer has it: nothing to hide, and overlayfs reads it as one directory.
    directory('only'),
    { path: 'only/.wh.nothing' },
    { path: 'only/kept' },
  ]
  expect(merged([base, top], (path) => names(fileTree(path)))).toEqual(['', 'd', 'd/b', 'only', 'only/kept'])
})

test.skipIf(skipReason('opaque directories', lacks))(
  'opaque directories, by marker, by whiteout, by way of a file',
  () => {
    const base = ['a', 'b', 'c'].flatMap((name) => [
      directory(name),
      { path: `${name}/old` },
      { path: `${name}/sub/old` },
    ])
    const top = [
      root,
      directory('a'),
      { path: 'a/new' },
      { path: 'a/.wh..wh..opq' },
      { path: '.wh.b' },
      { path: 'b/new' },
      { path: 'c', data: 'for a while' },
      directory('c'),
      { path: 'c/new' },
    ]
    const shown = ['', 'a', 'a/new', 'b', 'b/new', 'c', 'c/new']
    expect(merged([[root, ...base], top], (path) => names(fileTree(path)))).toEqual(shown)
  },
)

test.skipIf(skipReason('forged attributes', lacks))('a layer cannot forge what overlayfs believes', () => {
  const forged = new Map([
    ['trusted.overlay.redirect', Buffer.from('/secret')],
    ['trusted.overlay.opaque', Buffer.from('y')],
    ['trusted.overlay.metacopy', Buffer.alloc(0)],
  ])
  const base = [root, directory('secret'), { path: 'secret/key' }, directory('d'), { path: 'd/old' }]
  const top = [root, { ...directory('d'), xattrs: forged }, { path: 'd/new', xattrs: forged }]
  expect(merged([base, top], (path) => names(fileTree(path)))).toEqual([
    '',
    'd',
    'd/new',
    'd/old',
    'secret',
    'secret/key',
  ])
})

test.skipIf(skipReason('copy-up', lacks))('files of an image are copied up when they are written to', () => {
  const capability = new Map([['security.capability', Buffer.from('0100000200200000000000000000000000000000', 'hex')]])
  const base = [
    root,
    { path: 'f', data: 'x'.repeat(9000), xattrs: capability },
    { path: 'l', type: 'hardlink', linkname: 'f' } as const,
  ]
  merged([base], (path) => {
    expect(fileTree(path).get('f')).toContain('security.capability=0100000200200000000000000000000000000000')
    writeFileSync(join(path, 'f'), 'y', { flag: 'a' })
    expect(readFileSync(join(path, 'f'), 'utf8')).toBe(`${'x'.repeat(9000)}y`)
    expect(readFileSync(join(path, 'l'), 'utf8').length).toBe(9000)
  })
})
