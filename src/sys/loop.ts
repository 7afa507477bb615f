import { fail, utf8 } from '#base'
import { errnoNumber, isErrno, kernelError } from './errno.ts'
import { AT_FDCWD, deviceNumber, FileType, O, openPath } from './openat.ts'
import { cstring, syscall, trySyscall } from './syscall.ts'

const LOOP_CTL_GET_FREE = 0x4c82
const LOOP_CONFIGURE = 0x4c0a
const LO_FLAGS_READ_ONLY = 1
const LO_FLAGS_AUTOCLEAR = 4
const LOOP_MAJOR = 7

/** struct loop_config: fd, block size, struct loop_info64 (flags at 52, file name at 56), reserved. */
const CONFIG_BYTES = 304
const INFO_AT = 8
const NAME_BYTES = 63

/** How many times a device that another process took first is given up for the next. */
const RACE_RETRIES = 64

/** A loop device in the making. It detaches itself once neither `close` is outstanding nor a mount uses it. */
export interface LoopDevice extends Disposable {
  readonly path: string
  readonly fd: number
}

/** Attaches a file read-only to a free loop device. Keep it open until it is mounted, then dispose of it. */
export function attachLoop(file: string): LoopDevice {
  const backing = openPath(file, O.RDONLY)
  try {
    for (let tries = 0; tries < RACE_RETRIES; tries++) {
      const device = openFree()
      const config = configuration(backing, file)
      const result = trySyscall('ioctl', device.fd, LOOP_CONFIGURE, config)
      if (result === 0) return { ...device, [Symbol.dispose]: () => void trySyscall('close', device.fd) }
      trySyscall('close', device.fd)
      if (result !== -errnoNumber('EBUSY')) throw kernelError('LOOP_CONFIGURE', -result, `${device.path} for ${file}`)
    }
  } finally {
    trySyscall('close', backing)
  }
  return fail('resource_exhausted', `no free loop device for ${file}`)
}

function openFree(): { readonly path: string; readonly fd: number } {
  const control = openPath('/dev/loop-control', O.RDWR)
  let number: number
  try {
    number = syscall('ioctl', '/dev/loop-control GET_FREE', control, LOOP_CTL_GET_FREE)
  } finally {
    trySyscall('close', control)
  }
  const path = `/dev/loop${number}`
  try {
    return { path, fd: openPath(path, O.RDONLY) }
  } catch (error) {
    // A static /dev (a container's) has no node for a device made on demand.
    if (!isErrno(error, 'ENOENT')) throw error
    syscall('mknodat', path, AT_FDCWD, cstring(path), FileType.blockdev | 0o600, deviceNumber(LOOP_MAJOR, number))
    return { path, fd: openPath(path, O.RDONLY) }
  }
}

function configuration(backing: number, file: string): Uint8Array {
  const config = new Uint8Array(CONFIG_BYTES)
  const view = new DataView(config.buffer)
  view.setUint32(0, backing, true)
  view.setUint32(4, 512, true)
  view.setUint32(INFO_AT + 52, LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR, true)
  config.set(utf8(file).subarray(0, NAME_BYTES), INFO_AT + 56)
  return config
}
