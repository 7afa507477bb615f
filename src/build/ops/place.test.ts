import { describe, expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { CairnError } from '#base'
import { digestText } from '../digest.ts'
import { IgnoreRules } from '../source/ignore.ts'
import { SourceTree } from '../source/tree.ts'
import { parseChmod } from './chmod.ts'
import type { CopyDefinition, CopyPath } from './definition.ts'
import { LayerEntries } from './entries.ts'
import { selectItem, type Origin } from './origin.ts'
import { resolveOwner } from './owner.ts'
import { Placement } from './place.ts'
import { StreamedEntries } from './streamedentries.ts'
import { LayerTarget, type EntryTable } from './target.ts'

/** A tree as text: `dir/`, `file`, `link -> target`; modes after a blank. */
function make(root: string, entries: readonly string[]): void {
  mkdirSync(root, { recursive: true })
  for (const entry of entries) {
    const [path = '', target] = entry.split(' -> ')
    const [name = '', mode] = path.split(' ')
    const full = join(root, name)
    mkdirSync(dirname(full), { recursive: true })
    if (target !== undefined) symlinkSync(target, full)
    else if (name.endsWith('/')) mkdirSync(full, { recursive: true })
    else writeFileSync(full, name)
    if (mode) chmodSync(full, Number.parseInt(mode, 8))
  }
}

interface Setup {
  readonly below?: readonly string[]
  readonly from: readonly string[]
  readonly ignore?: readonly string[]
  readonly item?: Partial<CopyPath>
}

/** What `COPY …` puts into a layer: `path type mode`. */
function copy(
  setup: Setup,
  sources: readonly string[],
  destination: string,
  more: Partial<CopyDefinition> = {},
): string[] {
  const dir = mkdtempSync(join(tmpdir(), 'cairn-place-'))
  try {
    make(join(dir, 'below'), setup.below ?? [])
    make(join(dir, 'from'), setup.from)
    using below = new SourceTree(join(dir, 'below'))
    using tree = new SourceTree(join(dir, 'from'), new IgnoreRules(setup.ignore ?? []))
    const def: CopyDefinition = {
      op: 'copy',
      below: true,
      sources: [],
      destination,
      ...more,
    }
    const owner = def.chown === undefined ? {} : { owner: resolveOwner(below.root, def.chown) }
    const origin: Origin = { tree, where: 'context', digest: () => digestText(''), isLocal: true, isContext: true }
    const all = sources.flatMap((path) =>
      selectItem(def, { kind: 'path', from: { tree: '' }, unpack: false, path, ...setup.item }, origin),
    )
    const place = (entries: EntryTable, take: () => void): void => {
      const placement = new Placement(new LayerTarget(below, entries), { def, ...owner })
      for (const found of all) for (const _ of placement.copy(origin, found)) take()
      for (const item of def.sources) if (item.kind === 'inline') placement.inline(item.name, item.text)
      take()
    }
    const gathered = new LayerEntries()
    place(gathered, () => undefined)
    if (all.length === 1) {
      const streamed = new StreamedEntries()
      const taken: unknown[] = []
      place(streamed, () => taken.push(...streamed))
      expect(taken).toEqual([...gathered])
    }
    return [...gathered]
      .map(([path, { type, mode, uid, gid, target: link }]) => {
        const who = uid || gid ? ` ${uid}:${gid}` : ''
        return `${path} ${type === 'directory' ? 'd' : type === 'file' ? 'f' : `-> ${link}`} ${mode.toString(8)}${who}`
      })
      .toSorted()
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

describe('where a copy goes', () => {
  const file = { from: ['f'] }
  const tree = { from: ['d/a', 'd/s/b', 'd/s/ 700', 'd/ 750'] }
  for (const [name, setup, sources, destination, wanted] of [
    ['a file to a new name', file, ['f'], '/x', ['x f 644']],
    ['a file into a new directory', file, ['f'], '/x/', ['x d 755', 'x/f f 644']],
    ['a file into an existing directory', { ...file, below: ['x/ 700'] }, ['f'], '/x', ['x d 700', 'x/f f 644']],
    ['a file to the root', file, ['f'], '/', ['f f 644']],
    ['parents are made', file, ['f'], '/a/b/c', ['a d 755', 'a/b d 755', 'a/b/c f 644']],
    ['existing parents stay as they are', { ...file, below: ['a/ 1777'] }, ['f'], '/a/c', ['a d 1777', 'a/c f 644']],
    ['through a symlink to a directory', { ...file, below: ['r/', 'l -> r'] }, ['f'], '/l', ['r d 755', 'r/f f 644']],
    ['through an absolute symlink', { ...file, below: ['r/', 'l -> /r'] }, ['f'], '/l/x', ['r d 755', 'r/x f 644']],
    ['a symlink cannot leave the root', { ...file, below: ['l -> ../../../e'] }, ['f'], '/l', ['e f 644']],
    ['over a symlink to a file: through it', { ...file, below: ['t', 'l -> t'] }, ['f'], '/l', ['t f 644']],
    ['a directory’s contents', tree, ['d'], '/x', ['x d 755', 'x/a f 644', 'x/s d 700', 'x/s/b f 644']],
    ['the same with a slash', tree, ['d/'], '/x/', ['x d 755', 'x/a f 644', 'x/s d 700', 'x/s/b f 644']],
    [
      'merged into an existing one',
      { ...tree, below: ['x/s/ 755', 'x/ 711'] },
      ['d'],
      '/x',
      ['x d 711', 'x/a f 644', 'x/s d 700', 'x/s/b f 644'],
    ],
    ['the whole context', { from: ['a', 'b/c'] }, ['.'], '/', ['a f 644', 'b d 755', 'b/c f 644']],
    ['wildcards', { from: ['a.t', 'b.t', 'c/d.t', 'e'] }, ['*.t'], '/x/', ['x d 755', 'x/a.t f 644', 'x/b.t f 644']],
    ['several matches without a slash: the last one', { from: ['a.t', 'b.t'] }, ['*.t'], '/t', ['t f 644']],
    ['wildcards in directories', { from: ['a/x', 'b/x', 'c/y'] }, ['*/x'], '/', ['x f 644']],
    ['no match copies nothing', file, ['*.nope'], '/x', []],
    ['clamped to the context', file, ['../../f', '/f'], '/x', ['x f 644']],
    ['symlinks in a directory stay', { from: ['d/l -> /etc/passwd'] }, ['d'], '/', ['l -> /etc/passwd 777']],
    ['a symlink as a source is followed', { from: ['f 600', 'l -> f'] }, ['l'], '/x/', ['x d 755', 'x/l f 600']],
    ['inside the context only', { from: ['etc/passwd', 'l -> /etc/passwd'] }, ['l'], '/x', ['x f 644']],
    ['set-id and sticky bits stay', { from: ['d/f 4755', 'd/s/ 1777'] }, ['d'], '/', ['f f 4755', 's d 1777']],
    ['ignored files are not there', { from: ['d/a', 'd/b'], ignore: ['**/b'] }, ['.'], '/', ['d d 755', 'd/a f 644']],
    ['taken back in', { from: ['d/a', 'e/b'], ignore: ['*', '!d/a'] }, ['.'], '/', ['d d 755', 'd/a f 644']],
    ['a file over a file', { ...file, below: ['x'] }, ['f'], '/x', ['x f 644']],
  ] as const satisfies readonly (readonly [string, Setup, readonly string[], string, readonly string[]])[])
    test(name, () => expect(copy(setup, sources, destination)).toEqual([...wanted]))

  for (const [name, setup, sources, destination, wanted] of [
    ['a literal that is missing', file, ['g'], '/x', '"g" is not in context'],
    ['a dangling symlink', { from: ['l -> gone'] }, ['l'], '/x', '"l" is not in context'],
    ['an ignored literal', { ...file, ignore: ['f'] }, ['f'], '/x', '"f" is not in context'],
    ['a directory over a file', { ...tree, below: ['x'] }, ['d'], '/x', '/x is not a directory'],
    ['a file under a file', { ...file, below: ['x'] }, ['f'], '/x/y', '/x is not a directory'],
    ['a file over a directory inside', { from: ['d/x'], below: ['x/'] }, ['d'], '/', 'cannot replace the directory /x'],
    [
      'a symlink over a directory',
      { from: ['d/x -> y'], below: ['x/'] },
      ['d'],
      '/',
      'cannot replace the directory /x',
    ],
    [
      'a directory over a symlink',
      { from: ['d/x/'], below: ['t/', 'x -> t'] },
      ['d'],
      '/',
      'cannot copy a directory over /x',
    ],
    ['a loop', { ...file, below: ['l -> l'] }, ['f'], '/l', 'too many symlinks'],
  ] as const)
    test(`${name} is refused`, () => expect(() => copy(setup as Setup, sources, destination)).toThrow(wanted))

  test('the hint tells that the ignore file is why', () => {
    try {
      copy({ from: ['d/f'], ignore: ['d'] }, ['d/f'], '/x')
    } catch (error) {
      expect((error as CairnError).hint).toContain('ignore file')
    }
  })
})

describe('what of a directory is copied', () => {
  const from = ['d/a.md', 'd/b.txt', 'd/e/c.txt', 'd/e/f/x', 'd/g/']
  for (const [name, path, only, exclude, wanted] of [
    ['--exclude', 'd', undefined, ['*.md', 'g'], ['b.txt', 'e', 'e/c.txt', 'e/f', 'e/f/x']],
    [
      'anchored below the source',
      'd',
      undefined,
      ['c.txt', 'd/a.md'],
      ['a.md', 'b.txt', 'e', 'e/c.txt', 'e/f', 'e/f/x', 'g'],
    ],
    ['taken back in', 'd', undefined, ['*', '!e/f'], ['e', 'e/f', 'e/f/x']],
    ['everything', 'd', undefined, ['*'], []],
    ['at any depth', 'd', undefined, ['**/*.txt', 'e/f'], ['a.md', 'e', 'g']],
    ['a file that is named', 'd/a.md', undefined, ['*.md'], ['a.md']],
    ['--parents', '/', 'd/e', [], ['d', 'd/e', 'd/e/c.txt', 'd/e/f', 'd/e/f/x']],
    ['a pivot', 'd', 'e/c.txt', [], ['e', 'e/c.txt']],
    ['a pattern in depth', '/', 'd/**/*.txt', [], ['d', 'd/b.txt', 'd/e', 'd/e/c.txt']],
    ['wildcards before the pivot', '*/e*', 'f/*', [], ['f', 'f/x']],
    ['both', '/', 'd', ['d/e'], ['d', 'd/a.md', 'd/b.txt', 'd/g']],
    ['no match of a pattern', '/', 'd/*.nope', [], []],
  ] as const)
    test(name, () => {
      const item = only === undefined ? {} : { only }
      const entries = copy({ from, item }, [path], '/', exclude.length > 0 ? { exclude } : {})
      expect(entries.map((entry) => entry.split(' ')[0]!)).toEqual([...wanted])
    })
  test('--parents of what is not there', () =>
    expect(() => copy({ from, item: { only: 'd/nope' } }, ['/'], '/x/')).toThrow('"d/nope" is not in context'))
  test('a directory on the way: its mode; one that is taken: all of it', () => {
    const setup = { from: ['d/ 700', 'd/e/ 710', 'd/e/x'], below: ['d/e/ 755', 'd/ 711'], item: { only: 'd/e/x' } }
    expect(copy(setup, ['/'], '/', { chown: '5' })).toEqual(['d d 700', 'd/e d 710', 'd/e/x f 644 5:5'])
    expect(copy({ ...setup, item: { only: 'd/e' } }, ['/'], '/', { chown: '5' })).toEqual([
      'd d 700',
      'd/e d 710 5:5',
      'd/e/x f 644 5:5',
    ])
  })
})

describe('owners and modes', () => {
  test('--chown goes to everything that is made', () => {
    expect(copy({ from: ['d/a'] }, ['d'], '/p/x', { chown: '5:7' })).toEqual([
      'p d 755 5:7',
      'p/x d 755 5:7',
      'p/x/a f 644 5:7',
    ])
  })
  test('a number alone is the group too', () => {
    expect(copy({ from: ['f'] }, ['f'], '/x', { chown: '5' })).toEqual(['x f 644 5:5'])
  })
  test('a name fails where there is nothing to look it up in; root is known', () => {
    expect(() => resolveOwner(undefined, 'web')).toThrow('no user "web"')
    expect(resolveOwner(undefined, 'root:7')).toEqual({ uid: 0, gid: 7 })
  })
  test('a user database that is a device is not read: /dev/zero has no end', () => {
    const dir = mkdtempSync(join(tmpdir(), 'cairn-place-'))
    try {
      make(dir, ['etc/'])
      spawnSync('mknod', [join(dir, 'etc/passwd'), 'c', '1', '5'])
      using tree = new SourceTree(dir)
      expect(resolveOwner(tree.root, 'web')).toEqual({ uid: 0, gid: 0 })
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
  test('--chmod: files, directories, parents', () => {
    expect(copy({ from: ['d/s/a'] }, ['d'], '/x', { chmod: '700' })).toEqual(['x d 700', 'x/s d 700', 'x/s/a f 700'])
  })
  test('an inline file', () => {
    const sources = [{ kind: 'inline', name: 'E', text: 'hi' }] as const
    expect(copy({ from: [] }, [], '/d/', { sources, chmod: 'a+x' })).toEqual(['d d 755', 'd/E f 755'])
  })
  for (const [text, mode, directory, wanted] of [
    ['u=rwx,go=r', 0o644, false, 0o744],
    ['0', 0o644, false, 0],
    ['7777', 0o644, false, 0o7777],
    ['+x', 0o644, false, 0o755],
    ['a-w', 0o666, false, 0o444],
    ['go=', 0o777, false, 0o700],
    ['g=u', 0o740, false, 0o770],
    ['a+X', 0o644, false, 0o644],
    ['a+X', 0o744, false, 0o755],
    ['a+X', 0o600, true, 0o711],
    ['u+s,g+s', 0o755, false, 0o6755],
    ['+t', 0o777, true, 0o1777],
    ['u-rwx+x', 0o700, false, 0o100],
    ['o+r', 0o600, false, 0o604],
  ] as const)
    test(`${text} on ${mode.toString(8)}`, () =>
      expect(parseChmod(text)(mode, directory).toString(8)).toBe(wanted.toString(8)))
  for (const text of ['9', '8', '10000', '077777', '7x', 'u', 'u=q', '', 'x=r', ',', 'a+r,'])
    test(`${JSON.stringify(text)} is refused`, () => expect(() => parseChmod(text)).toThrow(CairnError))
})
