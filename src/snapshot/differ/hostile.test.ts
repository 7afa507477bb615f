import { describe, expect, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { lstatSync, mkdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CairnError, collect, isCode, streamOf } from '#base'
import { createTarWriter, writeTar, type TarEntry } from '#codec'
import { FileType, mknodAt, AT_FDCWD, getXattr, setXattr } from '#sys'
import { tempDir } from '#testkit'
import { differ } from './differ.ts'
import { extractTar } from './extract.ts'

const root = process.getuid?.() === 0

type Draft = Partial<TarEntry> & { readonly path: string; readonly text?: string }

function tarOf(...entries: readonly Draft[]): Uint8Array {
  const parts: Uint8Array[] = []
  const writer = createTarWriter((bytes) => parts.push(bytes.slice()))
  for (const { text = '', ...entry } of entries) {
    const bytes = Buffer.from(text)
    writer.entry({ type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: 0n, size: bytes.length, ...entry })
    writer.data(bytes)
  }
  writer.end()
  return Buffer.concat(parts)
}

async function refusal(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'no refusal',
    (error: unknown) => error,
  )
}

describe.skipIf(!root)('needs root: layers that want out', () => {
  test('nothing outside of the root is written, removed or linked', async () => {
    using dir = tempDir()
    const outside = join(dir.path, 'outside')
    mkdirSync(outside)
    writeFileSync(join(outside, 'secret'), 'untouched')
    const escape = '../'.repeat(12) + outside.slice(1)
    const links: Draft[] = [
      { path: 'abs', type: 'symlink', linkname: outside },
      { path: 'rel', type: 'symlink', linkname: escape },
      { path: 'sub/up', type: 'symlink', linkname: `../${escape}` },
    ]
    const attacks: Draft[][] = [
      [
        ...links,
        { path: 'abs/secret', text: 'x' },
        { path: 'rel/secret', text: 'x' },
        { path: 'sub/up/new', text: 'x' },
      ],
      [...links, { path: 'abs/.wh.secret' }, { path: 'rel/.wh..wh..opq' }],
      [...links, { path: 'h', type: 'hardlink', linkname: 'abs/secret' }],
      [...links, { path: 'h', type: 'hardlink', linkname: join(outside, 'secret') }],
      [{ path: join(outside, 'secret'), text: 'x' }],
      [{ path: `${escape}/secret`, text: 'x' }],
      [{ path: 'h', type: 'hardlink', linkname: `${escape}/secret` }],
      [{ path: `.wh.../${escape}` }],
      [{ path: 'a/.wh...' }],
      [{ path: 'a/.wh..' }],
      [...links, { path: 'abs', type: 'directory', mode: 0o777 }, { path: 'abs/secret', text: 'x' }],
    ]
    for (const [index, attack] of attacks.entries())
      for (const whiteouts of ['apply', 'overlay'] as const) {
        const jail = join(dir.path, `jail-${index}-${whiteouts}`)
        mkdirSync(jail)
        const outcome = await refusal(extractTar(streamOf(tarOf(...attack)), jail, { whiteouts }))
        if (outcome !== 'no refusal') expect(outcome).toBeInstanceOf(CairnError)
        expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('untouched')
        expect(statSync(join(outside, 'secret')).nlink).toBe(1)
        expect(execFileSync('ls', [outside]).toString()).toBe('secret\n')
      }
  })

  test('an upper directory’s symlinks are not followed, its devices not opened', async () => {
    using dir = tempDir()
    const upper = join(dir.path, 'upper')
    mkdirSync(upper)
    writeFileSync(join(dir.path, 'secret'), 'outside')
    symlinkSync(join(dir.path, 'secret'), join(upper, 'link'))
    mknodAt(AT_FDCWD, join(upper, 'pipe'), FileType.fifo | 0o600)
    mknodAt(AT_FDCWD, join(upper, 'socket'), FileType.socket | 0o600)
    const copy = join(dir.path, 'copy')
    mkdirSync(copy)
    await differ.apply(differ.compare(upper), copy)
    expect(readlinkSync(join(copy, 'link'))).toBe(join(dir.path, 'secret'))
    expect(lstatSync(join(copy, 'pipe')).isFIFO()).toBe(true)
    expect(execFileSync('ls', [copy]).toString()).toBe('link\npipe\n')
  })

  test('overlayfs’s own attributes are not taken from a layer', async () => {
    using dir = tempDir()
    const xattrs = new Map(
      ['trusted.overlay.opaque', 'trusted.overlay.redirect', 'user.overlay.opaque', 'user.fine'].map((name) => [
        name,
        Buffer.from('y'),
      ]),
    )
    await differ.apply(streamOf(tarOf({ path: 'd', type: 'directory', xattrs })), dir.path)
    expect(getXattr(join(dir.path, 'd'), 'user.fine')).toEqual(Buffer.from('y'))
    expect(getXattr(join(dir.path, 'd'), 'trusted.overlay.opaque')).toBeUndefined()
    expect(getXattr(join(dir.path, 'd'), 'user.overlay.opaque')).toBeUndefined()
  })

  test('what a layer cannot say is refused by name', async () => {
    using dir = tempDir()
    writeFileSync(join(dir.path, '.wh.file'), '')
    const error = await refusal(collect(differ.compare(dir.path), 1 << 20))
    expect(isCode(error, 'invalid_argument')).toBe(true)
    expect(String(error)).toContain('.wh.file')
    const loop = tarOf(
      { path: 'a', type: 'symlink', linkname: 'b' },
      { path: 'b', type: 'symlink', linkname: 'a' },
      { path: 'a/x' },
    )
    expect(isCode(await refusal(differ.apply(streamOf(loop), dir.path)), 'invalid_argument')).toBe(true)
    const nothing = tarOf({ path: 'x', type: 'hardlink', linkname: 'nothing' })
    expect(isCode(await refusal(differ.apply(streamOf(nothing), dir.path)), 'invalid_argument')).toBe(true)
  })
})

describe.skipIf(!root)('needs root: what compare is asked for', () => {
  const timeOf = async (
    options: Parameters<typeof differ.compare>[1],
    path: string,
    upper: string,
  ): Promise<bigint[]> => {
    const times: bigint[] = []
    const { readTar } = await import('#codec')
    for await (const { entry } of readTar(differ.compare(upper, options)))
      if (entry.path === path) times.push(entry.mtime)
    return times
  }

  test('times are clamped or forced, paths left out', async () => {
    using dir = tempDir()
    writeFileSync(join(dir.path, 'new'), '')
    mkdirSync(join(dir.path, 'proc/1'), { recursive: true })
    execFileSync('touch', ['-d', '@100.5', join(dir.path, 'old')])
    expect(await timeOf({ clamp: 1000 }, 'new', dir.path)).toEqual([1_000_000_000_000n])
    expect(await timeOf({ clamp: 1000 }, 'old', dir.path)).toEqual([100_500_000_000n])
    expect(await timeOf({ clamp: 1000, force: true }, 'old', dir.path)).toEqual([1_000_000_000_000n])
    expect(await timeOf({ exclude: ['proc'] }, 'proc/1', dir.path)).toEqual([])
    expect(await timeOf({ exclude: ['pro', 'proc/2'] }, 'proc/1', dir.path)).toHaveLength(1)
  })

  test('new directories are opaque only where something is hidden', async () => {
    using dir = tempDir()
    for (const path of ['upper/fresh', 'upper/reborn', 'lower/reborn'])
      mkdirSync(join(dir.path, path), { recursive: true })
    for (const name of ['fresh', 'reborn'])
      setXattr(join(dir.path, 'upper', name), 'trusted.overlay.opaque', Buffer.from('y'))
    const upper = join(dir.path, 'upper')
    const lower = [join(dir.path, 'lower')]
    expect(await timeOf({}, 'fresh/.wh..wh..opq', upper)).toHaveLength(1)
    expect(await timeOf({ lower }, 'fresh/.wh..wh..opq', upper)).toEqual([])
    expect(await timeOf({ lower }, 'reborn/.wh..wh..opq', upper)).toHaveLength(1)
  })

  test('the same tree gives the same bytes, whatever order it was made in', async () => {
    using dir = tempDir()
    const names = ['b', 'a', 'é', 'Z', 'a-b', 'a0']
    for (const [tree, order] of Object.entries({ one: names, two: names.toReversed() })) {
      mkdirSync(join(dir.path, tree))
      for (const name of order) writeFileSync(join(dir.path, tree, name), name)
    }
    const bytes = (tree: string): Promise<Uint8Array> =>
      collect(differ.compare(join(dir.path, tree), { clamp: 0 }), 1 << 20)
    expect(await bytes('one')).toEqual(await bytes('two'))
    expect((await collect(writeTar([]), 1 << 20)).length).toBe(1024)
  })
})
