import { describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { collect, streamOf } from '#base'
import { writeTar } from '#codec'
import { AT_FDCWD, close, FileType, mknodAt, O, openPath } from '#sys'
import { entryOf, fileEntry, readTree, tempDir } from '#testkit'
import { differ } from './differ.ts'

const root = process.getuid?.() === 0

async function archiveOf(path: string, name: string, as: string): Promise<Uint8Array> {
  const directory = openPath(path, O.PATH | O.DIRECTORY)
  try {
    return await collect(differ.archive({ directory, name }, as), 1 << 24)
  } finally {
    close(directory)
  }
}

async function refusal(work: Promise<void>): Promise<string> {
  return work.then(
    () => 'none',
    (error: Error) => error.message,
  )
}

describe.skipIf(!root)('needs root: files copied as they are', () => {
  test('whatever they are called, and nothing is hidden by a name or a device', async () => {
    using dir = tempDir()
    const from = join(dir.path, 'from')
    mkdirSync(join(from, 'sub'), { recursive: true })
    writeFileSync(join(from, '.wh.a'), 'no whiteout')
    writeFileSync(join(from, 'sub/.wh..wh..opq'), 'not opaque')
    mknodAt(AT_FDCWD, join(from, 'zero'), FileType.chardev | 0o600, 0, 0)
    const to = join(dir.path, 'to')
    mkdirSync(to)
    writeFileSync(join(to, 'a'), 'stays')
    await differ.extract(streamOf(await archiveOf(dir.path, 'from', 'copy')), to)
    expect(readTree(join(to, 'copy'))).toEqual(readTree(from))
    expect(readFileSync(join(to, 'a'), 'utf8')).toBe('stays')
    expect(readFileSync(join(to, 'copy/.wh.a'), 'utf8')).toBe('no whiteout')
  })

  test('below a directory, through the root’s symlinks and never out of it', async () => {
    using dir = tempDir()
    const jail = join(dir.path, 'jail')
    mkdirSync(join(jail, 'real'), { recursive: true })
    symlinkSync(dir.path, join(jail, 'out'))
    symlinkSync('/real', join(jail, 'in'))
    const tar = await collect(
      writeTar([fileEntry('sub/f', 'text'), entryOf('hardlink', 'sub/g', { linkname: 'sub/f' })]),
      1 << 20,
    )
    await differ.extract(streamOf(tar), jail, { under: '/in' })
    expect(readFileSync(join(jail, 'real/sub/g'), 'utf8')).toBe('text')
    await differ.extract(streamOf(tar), jail, { under: '/out' })
    expect(existsSync(join(dir.path, 'sub'))).toBe(false)
    await differ.extract(streamOf(tar), jail, { under: '/real', owner: { uid: 7, gid: 8 } })
    expect(statSync(join(jail, 'real/sub/f'))).toMatchObject({ uid: 7, gid: 8 })
  })

  test('a file and a directory do not replace each other', async () => {
    using dir = tempDir()
    mkdirSync(join(dir.path, 'd/f'), { recursive: true })
    writeFileSync(join(dir.path, 'd/sub'), 'a file')
    const file = await collect(writeTar([fileEntry('f', 'text')]), 1 << 20)
    const directory = await collect(writeTar([entryOf('directory', 'sub')]), 1 << 20)
    const into = join(dir.path, 'd')
    expect(await refusal(differ.extract(streamOf(file), into))).toContain('a directory is in its place')
    expect(await refusal(differ.extract(streamOf(directory), into))).toContain('a file is in the place')
    expect(readFileSync(join(into, 'sub'), 'utf8')).toBe('a file')
  })

  test('one file, under another name', async () => {
    using dir = tempDir()
    writeFileSync(join(dir.path, 'one'), 'text')
    await differ.extract(streamOf(await archiveOf(dir.path, 'one', 'two')), dir.path)
    expect(readFileSync(join(dir.path, 'two'), 'utf8')).toBe('text')
  })
})
