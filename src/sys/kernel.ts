import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { fail } from '#base'
import { isErrno } from './errno.ts'
import { fileSystem, FileSystemMagic } from './file.ts'
import { attachLoop, type LoopDevice } from './loop.ts'
import { mountOverlay } from './overlay.ts'
import { cstring, syscall } from './syscall.ts'
import type { OverlayMount } from './types.ts'

/**
 * The calls that change what is mounted, as one small interface: the real kernel, or a recording
 * fake in tests of those who decide what to mount.
 */
export interface Kernel {
  /** mount(2). */
  mount(source: string, target: string, type: string | null, flags: number, data?: string): void
  overlay(mount: OverlayMount): void
  attachLoop(file: string): LoopDevice
  /** Makes every mount under a bind read-only (mount_setattr, recursive), or the top one alone. */
  setReadonly(target: string, recursive: boolean): void
  unmount(target: string, flags: number): void
  /** Whether an EROFS is mounted there. */
  isErofs(target: string): boolean
  /** Makes a mount point, parents included: a directory, or an empty file. */
  makeTarget(target: string, kind: 'directory' | 'file'): void
}

const AT_FDCWD = -100
const AT_RECURSIVE = 0x8000
const MOUNT_ATTR_RDONLY = 1n

export const realKernel: Kernel = {
  mount: (source, target, type, flags, data) => {
    const typeName = type === null ? null : cstring(type)
    const options = data === undefined ? null : cstring(data)
    syscall('mount', `${source} on ${target}`, cstring(source), cstring(target), typeName, flags, options)
  },
  overlay: mountOverlay,
  attachLoop,
  setReadonly: (target, recursive) => {
    const attributes = new BigUint64Array([MOUNT_ATTR_RDONLY, 0n, 0n, 0n])
    const flags = recursive ? AT_RECURSIVE : 0
    syscall('mount_setattr', target, AT_FDCWD, cstring(target), flags, attributes, attributes.byteLength)
  },
  unmount: (target, flags) => {
    syscall('umount2', target, cstring(target), flags)
  },
  isErofs: (target) => {
    try {
      return fileSystem(target).type === FileSystemMagic.erofs
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return false
      throw error
    }
  },
  makeTarget: (target, kind) => {
    if (kind === 'directory') mkdirSync(target, { recursive: true })
    else makeFile(target)
  },
}

function makeFile(target: string): void {
  mkdirSync(dirname(target), { recursive: true })
  closeSync(openSync(target, 'a', 0o644))
}

/** A kernel that only writes down what it was asked, one line per call. `failOn` makes a matching call fail. */
export interface RecordingKernel extends Kernel {
  readonly calls: readonly string[]
}

export function recordingKernel(failOn?: RegExp): RecordingKernel {
  const calls: string[] = []
  const record = (...words: readonly (string | number | null | undefined)[]): void => {
    const line = words.filter((word) => word !== undefined && word !== null).join(' ')
    calls.push(line)
    if (failOn?.test(line)) fail('internal', `refused as asked: ${line}`)
  }
  return {
    calls,
    mount: (source, target, type, flags, data) => record('mount', source, target, type, flags, data),
    overlay: (m) => record('overlay', m.target, m.lower.join(':'), m.upper, m.volatile ? 'volatile' : undefined),
    attachLoop: (file) => {
      record('loop', file)
      return { path: '/dev/loop0', fd: -1, [Symbol.dispose]: () => record('close /dev/loop0') }
    },
    setReadonly: (target, recursive) => record('readonly', target, recursive ? 'recursive' : undefined),
    unmount: (target, flags) => record('umount', target, flags),
    isErofs: () => false,
    makeTarget: (target, kind) => record('make', kind, target),
  }
}
