import { describe, expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isCode } from '#base'
import { tempDir } from '#testkit'
import { errnoOf } from './errno.ts'
import { close } from './file.ts'
import * as at from './openat.ts'
import { readRegular } from './regular.ts'

const root = process.getuid?.() === 0
const { O } = at

function caught(work: () => unknown): unknown {
  try {
    return work()
  } catch (error) {
    return error
  }
}

function read(fd: number): string {
  const buffer = Buffer.alloc(100)
  const length = readSync(fd, buffer)
  close(fd)
  return buffer.toString('utf8', 0, length)
}

test('no path and no symlink leads out of a root', () => {
  using dir = tempDir()
  const jail = join(dir.path, 'jail')
  mkdirSync(join(jail, 'etc'), { recursive: true })
  writeFileSync(join(dir.path, 'secret'), 'outside')
  writeFileSync(join(jail, 'secret'), 'inside')
  writeFileSync(join(jail, 'etc/passwd'), 'inside')
  symlinkSync('/etc/passwd', join(jail, 'absolute'))
  symlinkSync('../../../secret', join(jail, 'etc/relative'))
  symlinkSync('/proc/self/root', join(jail, 'magic'))
  for (const path of ['absolute', '/etc/passwd', '../../secret', 'etc/relative', 'etc/../../secret'])
    expect(read(at.openIn(jail, path, O.RDONLY))).toBe('inside')
  for (const path of ['../secret', 'absolute', 'etc/relative'])
    expect(errnoOf(caught(() => at.openIn(jail, path, O.RDONLY, { scope: 'beneath' })))).toBe('EXDEV')
  expect(
    isCode(
      caught(() => at.openIn(jail, 'magic/etc', O.RDONLY)),
      'not_found',
    ),
  ).toBe(true)
  const link = caught(() => at.openIn(jail, 'absolute', O.RDONLY, { noSymlinks: true }))
  expect(errnoOf(link)).toBe('ELOOP')
})

test('of a tree only regular files are opened to be read, and no more of them than was asked for', () => {
  using dir = tempDir()
  const jail = join(dir.path, 'jail')
  mkdirSync(jail)
  writeFileSync(join(dir.path, 'secret'), 'outside')
  writeFileSync(join(jail, 'file'), 'x'.repeat(70_000))
  symlinkSync('/../secret', join(jail, 'out'))
  // Opened, a FIFO would wait for a writer.
  expect(spawnSync('mkfifo', [join(jail, 'fifo')]).status).toBe(0)
  for (const path of ['fifo', '.', 'out', 'file/x']) expect(readRegular(jail, path, 10).length).toBe(0)
  expect(readRegular(jail, 'file', 70_000).length).toBe(70_000)
  expect(
    isCode(
      caught(() => readRegular(jail, 'file', 69_999)),
      'resource_exhausted',
    ),
  ).toBe(true)
})

test('errors are mapped and name their path', () => {
  using dir = tempDir()
  writeFileSync(join(dir.path, 'f'), '')
  const exists = caught(() => at.openIn(dir.path, 'f', O.WRONLY | O.CREAT | O.EXCL))
  expect(isCode(exists, 'already_exists')).toBe(true)
  expect(String(exists)).toContain('f')
  expect(
    isCode(
      caught(() => at.openIn(dir.path, 'f/g', O.RDONLY)),
      'failed_precondition',
    ),
  ).toBe(true)
  expect(
    isCode(
      caught(() => at.openPath('a\0b', O.RDONLY)),
      'invalid_argument',
    ),
  ).toBe(true)
})

describe.skipIf(!root)('needs root: entries of an open directory', () => {
  test('are made, linked, renamed, changed and removed by name', () => {
    using dir = tempDir()
    const fd = at.openPath(dir.path, O.RDONLY | O.DIRECTORY)
    at.mkdirAt(fd, 'd', 0o700)
    at.mknodAt(fd, 'null', at.FileType.chardev | 0o600, 300, 70000)
    at.symlinkAt('no/where', fd, 'l')
    writeFileSync(join(dir.path, 'f'), 'text')
    at.linkAt(fd, 'f', fd, 'g')
    at.chownAt(fd, 'l', 5, 4294967294)
    at.chmodAt(fd, 'd', 0o1777)
    for (const name of ['l', 'f']) at.setTimesAt(fd, name, -1_500_000_001n)
    expect(at.statAt(fd, 'l')).toMatchObject({ uid: 5, gid: 4294967294, mtime: -1_500_000_001n })
    expect(at.statAt(fd, 'null')).toMatchObject({ rdevMajor: 300, rdevMinor: 70000 })
    expect((at.statAt(fd, 'd')?.mode ?? 0) & 0o7777).toBe(0o1777)
    expect(at.statAt(fd, 'g')).toMatchObject({ nlink: 2, size: 4, ino: at.statAt(fd, 'f')?.ino })
    expect(Buffer.from(at.readlinkAt(fd, 'l')).toString()).toBe('no/where')
    expect(
      isCode(
        caught(() => at.renameAt(fd, 'f', fd, 'g', { exclusive: true })),
        'already_exists',
      ),
    ).toBe(true)
    at.renameAt(fd, 'f', fd, 'h')
    expect(at.statAt(fd, 'f')).toBeUndefined()
    at.unlinkAt(fd, 'h')
    at.unlinkAt(fd, 'd', { directory: true })
    expect(at.statAt(fd, '')?.mode).toBe(at.lstat(dir.path)?.mode ?? 0)
    close(fd)
  })

  test('the mode of a symlink is not that of what it leads to', () => {
    using dir = tempDir()
    writeFileSync(join(dir.path, 'f'), 'text', { mode: 0o600 })
    const fd = at.openPath(dir.path, O.RDONLY | O.DIRECTORY)
    at.symlinkAt('f', fd, 'l')
    expect(() => at.chmodAt(fd, 'l', 0o666)).toThrow('fchmodat')
    expect((at.statAt(fd, 'f')?.mode ?? 0) & 0o777).toBe(0o600)
    close(fd)
  })

  test('names that are not UTF-8 go through as their bytes', () => {
    using dir = tempDir()
    const fd = at.openPath(dir.path, O.RDONLY | O.DIRECTORY)
    at.mkdirAt(fd, 'caf\udce9', 0o755)
    expect(at.statAt(fd, 'caf\udce9')).toBeDefined()
    const names = new Bun.Glob('*').scanSync({ cwd: dir.path, onlyFiles: false })
    expect([...names]).toHaveLength(1)
    at.unlinkAt(fd, 'caf\udce9', { directory: true })
    close(fd)
  })
})

test('the names of a directory, whatever bytes they are and however many', () => {
  using dir = tempDir()
  const odd = Buffer.from([0x66, 0xff, 0x0a])
  const wanted = ['...', '..a', '.a', 'n'.repeat(255), ...Array.from({ length: 2000 }, (_, i) => `file ${i}`)]
  for (const name of wanted) writeFileSync(join(dir.path, name), '')
  writeFileSync(Buffer.concat([Buffer.from(`${dir.path}/`), odd]), '')
  const fd = at.openPath(dir.path, O.RDONLY | O.DIRECTORY)
  // Twice: it begins at the beginning.
  for (let i = 0; i < 2; i++) {
    const found: string[] = []
    at.eachName(fd, (bytes, start, end) => found.push(Buffer.from(bytes.subarray(start, end)).toString('latin1')))
    expect(found.sort()).toEqual([...wanted, odd.toString('latin1')].sort())
  }
  close(fd)
})
