import { beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isCode } from '#base'
import { tempDir } from '#testkit'
import { enterPrivateMounts, inNetns, inPrivateMounts, newNetns } from './namespace.ts'
import { close, fileSystem, FileSystemMagic } from './file.ts'
import { errnoOf } from './errno.ts'
import { recordingKernel } from './kernel.ts'
import { applyMounts, mountPoints, unmount } from './mount.ts'
import { canMount } from './trymount.ts'
import type { Mount } from './types.ts'

const root = process.getuid?.() === 0

function caught(work: () => unknown): unknown {
  try {
    return work()
  } catch (error) {
    return error
  }
}

const MOUNTS: readonly Mount[] = [
  { type: 'erofs', source: '/l/a.erofs', target: '/run/a', loop: false },
  { type: 'erofs', source: '/l/b.erofs', target: '/run/b', loop: true },
  {
    type: 'overlay',
    target: '/c/rootfs',
    lower: ['/run/b', '/run/a'],
    upper: '/c/upper',
    work: '/c/work',
    volatile: true,
  },
  { type: 'bind', source: '/', target: '/c/rootfs/mnt', recursive: true, readonly: true },
  { type: 'tmpfs', target: '/c/rootfs/tmp', options: 'size=1m' },
]

describe('decisions, on a kernel that only records', () => {
  test('mounts are made in order, mount points first', () => {
    const kernel = recordingKernel()
    applyMounts(MOUNTS, kernel)
    expect(kernel.calls).toEqual([
      'make directory /run/a',
      'mount /l/a.erofs /run/a erofs 1',
      'make directory /run/b',
      'loop /l/b.erofs',
      'mount /dev/loop0 /run/b erofs 1',
      'close /dev/loop0',
      'make directory /c/rootfs',
      'overlay /c/rootfs /run/b:/run/a /c/upper volatile',
      'make directory /c/rootfs/mnt',
      'mount / /c/rootfs/mnt 20480',
      'readonly /c/rootfs/mnt recursive',
      'make directory /c/rootfs/tmp',
      'mount tmpfs /c/rootfs/tmp tmpfs 6 size=1m',
    ])
  })

  test('what was made before a failure is taken down, last first', () => {
    const kernel = recordingKernel(/^readonly/)
    expect(() => applyMounts(MOUNTS, kernel)).toThrow('refused as asked')
    expect(kernel.calls.slice(-4).map((call) => call.split(' ').slice(0, 2))).toEqual([
      ['umount', '/c/rootfs/mnt'],
      ['umount', '/c/rootfs'],
      ['umount', '/run/b'],
      ['umount', '/run/a'],
    ])
  })

  test('a loop device is let go of when its mount fails', () => {
    const kernel = recordingKernel(/^mount .dev.loop0/)
    expect(() => applyMounts(MOUNTS, kernel)).toThrow()
    expect(kernel.calls).toContain('close /dev/loop0')
  })
})

describe.skipIf(!root)('needs root: the kernel', () => {
  beforeAll(() => {
    enterPrivateMounts()
    enterPrivateMounts()
  })

  test('mounts stay in the private namespace', () => {
    using dir = tempDir()
    expect(inPrivateMounts()).toBe(true)
    const target = join(dir.path, 'deep/er')
    applyMounts([{ type: 'tmpfs', target, options: 'size=64k,mode=700' }])
    expect(fileSystem(target)).toMatchObject({ type: FileSystemMagic.tmpfs, total: 65536 })
    expect(mountPoints()).toContain(target)
    expect(readFileSync('/proc/1/mountinfo', 'utf8')).not.toContain(target)
    expect(unmount(target)).toBe(true)
    expect(unmount(target)).toBe(false)
    expect(unmount(join(dir.path, 'nowhere'))).toBe(false)
  })

  test('an overlay of 120 layers with long paths', () => {
    for (const name of ['short', 'n'.repeat(200)]) {
      using dir = tempDir()
      const lower = Array.from({ length: 120 }, (_, i) => {
        const path = join(dir.path, name, `layer-${i}`)
        mkdirSync(path, { recursive: true })
        writeFileSync(join(path, `f${i}`), String(i))
        writeFileSync(join(path, 'top'), String(i))
        return path
      })
      const [upper = '', work = '', target = ''] = ['upper', 'work', 'rootfs'].map((part) => join(dir.path, part))
      for (const path of [upper, work]) mkdirSync(path)
      applyMounts([{ type: 'overlay', target, lower, upper, work, volatile: true }])
      try {
        expect(readdirSync(target)).toHaveLength(121)
        expect(readFileSync(join(target, 'top'), 'utf8')).toBe('0')
        writeFileSync(join(target, 'top'), 'new')
        expect(readFileSync(join(upper, 'top'), 'utf8')).toBe('new')
      } finally {
        unmount(target)
      }
    }
  })

  test('a failing overlay says which call, where and why, and leaves nothing', () => {
    using dir = tempDir()
    const target = join(dir.path, 'rootfs')
    const tmpfs = join(dir.path, 'tmpfs')
    const mounts: Mount[] = [
      { type: 'tmpfs', target: tmpfs },
      { type: 'overlay', target, lower: [join(dir.path, 'missing')], upper: dir.path, work: dir.path },
    ]
    const error = caught(() => applyMounts(mounts))
    expect(isCode(error, 'not_found')).toBe(true)
    expect(errnoOf(error)).toBe('ENOENT')
    expect(String(error)).toContain(target)
    expect(mountPoints()).not.toContain(tmpfs)
  })

  test('binds of directories and files, read-only where asked', () => {
    using dir = tempDir()
    writeFileSync(join(dir.path, 'file'), 'x')
    mkdirSync(join(dir.path, 'source'))
    const file = join(dir.path, 'at/file')
    const directory = join(dir.path, 'at/directory')
    applyMounts([
      { type: 'bind', source: join(dir.path, 'file'), target: file, recursive: false, readonly: true },
      { type: 'bind', source: join(dir.path, 'source'), target: directory, recursive: true, readonly: false },
    ])
    try {
      expect(errnoOf(caught(() => writeFileSync(file, 'y')))).toBe('EROFS')
      writeFileSync(join(directory, 'new'), '')
      expect(readdirSync(join(dir.path, 'source'))).toEqual(['new'])
    } finally {
      unmount(file)
      unmount(directory)
    }
  })

  test('what cannot be mounted is found without mounting it', () => {
    using dir = tempDir()
    writeFileSync(join(dir.path, 'junk'), 'x'.repeat(8192))
    expect(canMount('erofs', join(dir.path, 'junk'))).toBe(false)
    expect(canMount('nonsense', '/')).toBe(false)
  })

  test('a network namespace lives by its descriptor, and we stay at home', () => {
    const home = statSync('/proc/thread-self/ns/net').ino
    const fd = newNetns()
    try {
      expect(statSync('/proc/thread-self/ns/net').ino).toBe(home)
      const inside = inNetns(fd, () => statSync('/proc/thread-self/ns/net').ino)
      expect(inside).not.toBe(home)
      expect(statSync(`/proc/self/fd/${fd}`).ino).toBe(inside)
      expect(() => inNetns(fd, () => JSON.parse('not JSON'))).toThrow()
      expect(statSync('/proc/thread-self/ns/net').ino).toBe(home)
    } finally {
      close(fd)
    }
  })
})
