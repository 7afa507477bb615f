import { existsSync, readdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { fail } from '#base'
import { FileType, lstat, type Stat } from '#sys'

/** A device node in a container: runtime-spec `linux.devices`, and its rule for the device cgroup. */
export interface Device {
  /** Where it appears in the container. */
  readonly path: string
  readonly type: 'c' | 'b'
  readonly major: number
  readonly minor: number
  readonly fileMode: number
  readonly uid: number
  readonly gid: number
  /** Of `rwm`. */
  readonly access: string
}

export interface DeviceRule {
  readonly allow: boolean
  readonly type?: 'c' | 'b' | 'a'
  readonly major?: number
  readonly minor?: number
  readonly access: string
}

const character = (allow: boolean, major: number, minor: number): DeviceRule => ({
  allow,
  type: 'c',
  major,
  minor,
  access: 'rwm',
})

/** Docker's: nothing but zero, null, urandom, random, tty and console; the runtime adds terminals. */
export const DEFAULT_DEVICE_RULES: readonly DeviceRule[] = [
  { allow: false, access: 'rwm' },
  character(true, 1, 5),
  character(true, 1, 3),
  character(true, 1, 9),
  character(true, 1, 8),
  character(true, 5, 0),
  character(true, 5, 1),
  character(false, 10, 229),
]

/** A privileged container may use every device. */
export const EVERY_DEVICE_RULE: DeviceRule = { allow: true, access: 'rwm' }

export function ruleFor(device: Device): DeviceRule {
  return { allow: true, type: device.type, major: device.major, minor: device.minor, access: device.access }
}

/** A device of this host by path, or every device below a directory, as `--device SOURCE:TARGET:rwm` asks. */
export function devicesAt(source: string, target: string = source, access = 'rwm'): Device[] {
  if (!/^[rwm]{1,3}$/.test(access)) fail('invalid_argument', `invalid device permissions: "${access}" (of r, w, m)`)
  // Names under /dev/disk and the like are links to the device.
  const found = existsSync(source) ? realpathSync(source) : source
  const stat = lstat(found) ?? fail('not_found', `no such device: ${source}`)
  const device = deviceOf(stat, target, access)
  if (device) return [device]
  if ((stat.mode & FileType.mask) !== FileType.directory) fail('invalid_argument', `not a device node: ${source}`)
  return below(found, target, access)
}

/** Directories of /dev that belong to the host's own sessions. */
const SKIPPED = new Set(['pts', 'shm', 'fd', 'mqueue', '.lxc', '.lxd-mounts', '.udev', 'console'])

/** Every device of this host, for privileged containers. */
export function hostDevices(): Device[] {
  return below('/dev', '/dev', 'rwm')
}

function below(source: string, target: string, access: string): Device[] {
  const found: Device[] = []
  for (const name of readdirSync(source).sort()) {
    if (SKIPPED.has(name)) continue
    const path = join(source, name)
    const stat = lstat(path)
    if (!stat) continue
    const device = deviceOf(stat, join(target, name), access)
    if (device) found.push(device)
    else if ((stat.mode & FileType.mask) === FileType.directory) found.push(...below(path, join(target, name), access))
  }
  return found
}

function deviceOf(stat: Stat, path: string, access: string): Device | undefined {
  const kind = stat.mode & FileType.mask
  if (kind !== FileType.chardev && kind !== FileType.blockdev) return undefined
  return {
    path,
    type: kind === FileType.chardev ? 'c' : 'b',
    major: stat.rdevMajor,
    minor: stat.rdevMinor,
    fileMode: stat.mode & 0o7777,
    uid: stat.uid,
    gid: stat.gid,
    access,
  }
}
