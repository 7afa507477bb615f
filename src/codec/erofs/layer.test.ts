import { afterAll, beforeAll, expect, test } from 'bun:test'
import { join } from 'node:path'
import { CairnError, type ErrorCode } from '#base'
import type { ErofsLimits, ErofsSummary } from '#codec'
import { layerContents, tarOf, tempDir, writeLayerFile } from '#testkit'
import type { Member, TempDir } from '#testkit'

let dir: TempDir
beforeAll(() => void (dir = tempDir()))
afterAll(() => dir[Symbol.dispose]())

function layer(...members: readonly Member[]): { files: Record<string, string>; summary: ErofsSummary } {
  const path = join(dir.path, 'image')
  const summary = writeLayerFile(path, tarOf(...members))
  return { files: layerContents(path), summary }
}

function codeOf(work: () => unknown): ErrorCode | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    if (error instanceof CairnError) return error.code
    throw error
  }
}

const root: Member = { path: './', type: 'directory', mode: 0o755 }
const directory = (path: string, mode = 0o755): Member => ({ path, type: 'directory', mode })
const symlink = (path: string, linkname: string): Member => ({ path, type: 'symlink', linkname })
const link = (path: string, linkname: string): Member => ({ path, type: 'hardlink', linkname })
const bytes = (text: string): Uint8Array => Buffer.from(text)

const OPAQUE = ' trusted.overlay.opaque=y'
const ORIGIN = ' trusted.overlay.origin='

test('an archive of nothing is an implied root', () => {
  const { files, summary } = layer()
  expect(files).toEqual({ '': 'directory 755' })
  expect(summary).toMatchObject({ inodes: 1, tarSize: 1024, quirks: { impliedDirectories: [''], absentLinks: [] } })
})

test('not even an end mark', () => {
  const path = join(dir.path, 'empty')
  expect(writeLayerFile(path, new Uint8Array(0)).tarSize).toBe(0)
  expect(layerContents(path)).toEqual({ '': 'directory 755' })
})

test('the root is described by any name of it', () => {
  for (const path of ['.', './', '/', 'a/..'])
    expect(layer({ ...root, path, mode: 0o700 })).toMatchObject({
      files: { '': 'directory 700' },
      summary: { quirks: { impliedDirectories: [] } },
    })
})

test('whiteouts: a device for each, an origin on their parents', () => {
  expect(layer(root, { path: '.wh.gone' }, directory('d'), { path: 'd/.wh.x' }, { path: 'd/kept' }).files).toEqual({
    '': `directory 755${ORIGIN}`,
    gone: 'chardev 0:0',
    d: `directory 755${ORIGIN}`,
    'd/x': 'chardev 0:0',
    'd/kept': 'file ',
  })
})

test('a whiteout speaks of lower layers only, before or after what this layer has', () => {
  const file: Member = { path: 'f', data: 'mine' }
  const whiteout: Member = { path: '.wh.f' }
  for (const members of [
    [root, file, whiteout],
    [root, whiteout, file],
  ])
    expect(layer(...members).files.f).toBe('file mine')
  const inside: Member = { path: 'd/x', data: 'mine' }
  for (const members of [
    [root, { path: '.wh.d' }, directory('d'), inside],
    [root, directory('d'), inside, { path: '.wh.d' }],
    [root, { path: '.wh.d' }, inside],
  ])
    expect(layer(...members).files).toMatchObject({ d: `directory 755${OPAQUE}`, 'd/x': 'file mine' })
})

test('opaque markers, on implied directories too; AUFS leftovers are dropped', () => {
  const { files, summary } = layer(
    root,
    { path: 'a/b/.wh..wh..opq' },
    { path: '.wh..wh.plnk/1' },
    { path: '.wh..wh.aufs' },
  )
  expect(files).toEqual({ '': 'directory 755', a: 'directory 755', 'a/b': `directory 755${OPAQUE}` })
  expect(summary.quirks).toEqual({
    impliedDirectories: ['a', 'a/b'],
    absentLinks: [],
    opaqueRoot: false,
    replacedDirectory: false,
  })
})

test('an opaque root is told', () => {
  expect(layer(root, { path: '.wh..wh..opq' }, { path: 'a/b' }).summary.quirks).toEqual({
    impliedDirectories: [],
    absentLinks: [],
    opaqueRoot: true,
    replacedDirectory: false,
  })
})

test('a real device 0/0 is a whiteout to overlayfs, so its parent gets an origin as well', () => {
  const { files } = layer(root, { path: 'dev/zero', type: 'chardev', devmajor: 0, devminor: 0 })
  expect(files).toEqual({ '': 'directory 755', dev: `directory 755${ORIGIN}`, 'dev/zero': 'chardev 0:0' })
})

test("overlayfs's own attributes do not get in; kinds that Linux lacks are dropped", () => {
  const xattrs = new Map([
    ['trusted.overlay.opaque', bytes('y')],
    ['trusted.overlay.redirect', bytes('/etc')],
    ['user.overlay.opaque', bytes('y')],
    ['com.apple.quarantine', bytes('q')],
    ['user.kept', bytes('1')],
    ['trusted.kept', bytes('2')],
    ['security.capability', bytes('3')],
  ])
  expect(layer({ ...root, xattrs }).files).toEqual({
    '': 'directory 755 security.capability=3 trusted.kept=2 user.kept=1',
  })
})

test('a directory over a directory: last description, all entries, attributes of both', () => {
  const one = new Map([
    ['user.a', bytes('1')],
    ['user.b', bytes('1')],
  ])
  const two = new Map([['user.b', bytes('2')]])
  const { files } = layer(
    root,
    { ...directory('d', 0o700), xattrs: one },
    { path: 'd/x' },
    {
      ...directory('d', 0o711),
      xattrs: two,
    },
  )
  expect(files).toMatchObject({ d: 'directory 711 user.a=1 user.b=2', 'd/x': 'file ' })
})

test('a file over a directory takes the place of all of it, and a directory over that hides what is below', () => {
  const members = [root, directory('d'), { path: 'd/x' }, { path: 'd', data: 'now a file' }]
  expect(layer(...members).files).toEqual({ '': 'directory 755', d: 'file now a file' })
  expect(layer(...members, directory('d', 0o700), { path: 'd/y' }).files).toEqual({
    '': 'directory 755',
    d: `directory 700${OPAQUE}`,
    'd/y': 'file ',
  })
})

test('links keep the file whose name is given to another one', () => {
  const { files } = layer(root, { path: 'a', data: 'old' }, link('b', 'a'), link('c', 'b'), { path: 'a', data: 'new' })
  expect(files).toEqual({ '': 'directory 755', a: 'file new', b: 'file old', c: 'file old' })
})

test('a link to itself changes nothing', () => {
  expect(layer(root, { path: 'a', data: 'x' }, link('a', './a')).files.a).toBe('file x')
})

test('links to files that this layer does not have are told, not made', () => {
  const { files, summary } = layer(root, link('x/y', '/usr/bin/perl'), { path: '.wh.gone' }, link('z', 'gone'))
  expect(files).toEqual({ '': `directory 755${ORIGIN}`, x: 'directory 755', gone: 'chardev 0:0' })
  expect(summary.quirks.absentLinks).toEqual([
    { path: 'x/y', target: 'usr/bin/perl' },
    { path: 'z', target: 'gone' },
  ])
})

test('a link to another layer that is replaced is forgotten; one over a file replaces it', () => {
  const { files, summary } = layer(
    root,
    link('a', 'lower'),
    { path: 'a', data: 'mine' },
    { path: 'b', data: 'gone' },
    link('b', 'lower'),
    link('c', 'b'),
    link('d/e', 'lower'),
    { path: 'd', data: 'file' },
    symlink('s', 'real'),
    link('s/f', 'lower'),
  )
  expect(files).toEqual({ '': 'directory 755', a: 'file mine', d: 'file file', s: '-> real', real: 'directory 755' })
  expect(summary.quirks.absentLinks).toEqual([
    { path: 'b', target: 'lower' },
    { path: 'c', target: 'lower' },
    { path: 'real/f', target: 'lower' },
  ])
})

test('paths lead through symlinks of the layer, whose root is the layer', () => {
  const { files } = layer(
    root,
    directory('usr'),
    symlink('bin', 'usr/bin'),
    symlink('usr/sbin', '/../bin'),
    { path: 'bin/sh', data: 'sh' },
    { path: 'usr/sbin/init', data: 'init' },
    symlink('out', '../../../escape'),
    { path: 'out/f', data: 'in' },
    link('hard', 'bin/sh'),
  )
  expect(files).toEqual({
    '': 'directory 755',
    usr: 'directory 755',
    bin: '-> usr/bin',
    'usr/bin': 'directory 755',
    'usr/sbin': '-> /../bin',
    'usr/bin/sh': 'file sh',
    'usr/bin/init': 'file init',
    out: '-> ../../../escape',
    escape: 'directory 755',
    'escape/f': 'file in',
    hard: 'file sh',
  })
})

test('a cached parent is forgotten when something on its path is replaced', () => {
  const { files } = layer(root, directory('d'), { path: 'd/a' }, { path: 'd' }, symlink('d', 'e'), { path: 'd/b' })
  expect(files).toEqual({ '': 'directory 755', d: '-> e', e: 'directory 755', 'e/b': 'file ' })
})

test('what cannot be laid out is refused', () => {
  const refused: readonly (readonly Member[])[] = [
    [{ path: '../out' }],
    [{ path: 'a/../../out' }],
    [{ path: 'n'.repeat(256) }],
    [{ path: 'p/'.repeat(2048) + 'f' }],
    [{ path: 'f' }, { path: 'f/below' }],
    [symlink('a', 'b'), symlink('b', 'a'), { path: 'a/f' }],
    [directory('d'), link('l', 'd')],
    [{ path: 'f' }, link('l', '../f')],
    [{ path: './', data: 'file' }],
    [symlink('s', 't'.repeat(4096))],
    [symlink('s', 'n'.repeat(300)), { path: 's/f' }],
    [{ path: 'dev', type: 'blockdev', devmajor: 4096, devminor: 0 }],
    [{ path: 'dev', type: 'chardev', devmajor: 1, devminor: 1 << 20 }],
    [{ path: '.wh.' }],
    [{ path: 'f', xattrs: new Map([['user.x', new Uint8Array(65536)]]) }],
    [{ path: 'f', xattrs: new Map([['user.', bytes('x')]]) }],
    [{ path: 'f', xattrs: new Map([[`user.${'n'.repeat(251)}`, bytes('x')]]) }],
    [{ path: 'f', xattrs: new Map([['system.posix_acl_access', bytes('junk')]]) }],
    [{ path: 'f', xattrs: new Map(Array.from({ length: 5 }, (_, i) => [`user.${i}`, new Uint8Array(60_000)])) }],
  ]
  for (const members of refused)
    expect([members, codeOf(() => layer(root, ...members))]).toEqual([members, 'invalid_argument'])
})

test('the message names the member', () => {
  expect(() => layer(root, { path: 'a/f' }, { path: 'a/f/below' })).toThrow(
    'layer member "a/f/below": "f" on its path is no directory',
  )
})

test('limits hold', () => {
  const write = (limits: ErofsLimits, ...members: readonly Member[]) =>
    codeOf(() => writeLayerFile(join(dir.path, 'limited'), tarOf(...members), { limits }))
  expect(write({ nodes: 10 }, { path: 'd/'.repeat(20) + 'f' })).toBe('resource_exhausted')
  expect(write({ nameBytes: 70_000 }, { path: 'f', xattrs: new Map([['user.x', new Uint8Array(60_000)]]) })).toBe(
    'resource_exhausted',
  )
  expect(write({ entries: 1 }, root, root)).toBe('resource_exhausted')
  // 300,000 directories that no member describes, whose paths would take half a gigabyte.
  const many = Array.from({ length: 200 }, (_, i) => directory(`${i}/${'n/'.repeat(1500)}`))
  expect(write({}, ...many)).toBe('resource_exhausted')
}, 30_000)
