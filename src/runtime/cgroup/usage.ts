import { readFileSync } from 'node:fs'
import { isErrno } from '#sys'
import { CGROUP_ROOT, cgroupMode, containerGroup, type CgroupMode } from './mode.ts'

/** What a control group has used so far, and uses now. */
export interface CgroupUsage {
  /** Nanoseconds of processor time. */
  readonly cpu: number
  /** Bytes, less file pages that the kernel would give up first: as Docker counts. */
  readonly memory: number
  /** Bytes; `Infinity` without a limit. */
  readonly memoryLimit: number
  readonly processes: number
  /** Bytes read from and written to block devices. */
  readonly read: number
  readonly written: number
}

/** Of the group of a container, by `cgroupPath`; undefined when there is none. Controllers that are missing count nothing. */
export function cgroupUsage(
  path: string,
  mode: CgroupMode = cgroupMode(),
  root: string = CGROUP_ROOT,
): CgroupUsage | undefined {
  const group = containerGroup(path, mode)
  if (mode !== 'v2') return byController((controller, name) => read(`${root}/${controller}${group}/${name}`))
  // In a scope of systemd's, runc puts the processes into no group of their own.
  return unified((_, name) => read(`${root}${group}/${name}`)) ?? unified((_, name) => read(`${root}${path}/${name}`))
}

type File = (controller: string, name: string) => string | undefined

/** cgroup-v2.rst */
function unified(file: File): CgroupUsage | undefined {
  const cpu = file('', 'cpu.stat')
  if (cpu === undefined) return undefined
  const devices = file('', 'io.stat') ?? ''
  const total = (name: string): number =>
    [...devices.matchAll(new RegExp(`\\b${name}=(\\d+)`, 'g'))].reduce((sum, [, bytes]) => sum + Number(bytes), 0)
  return {
    cpu: value(cpu, 'usage_usec') * 1000,
    memory: withoutCache(number(file('', 'memory.current')), value(file('', 'memory.stat'), 'inactive_file')),
    memoryLimit: limit(file('', 'memory.max')),
    processes: number(file('', 'pids.current')),
    read: total('rbytes'),
    written: total('wbytes'),
  }
}

/** cgroup-v1/memory.rst, cpuacct.rst, blkio-controller.rst, pids.rst */
function byController(file: File): CgroupUsage | undefined {
  const pids = file('pids', 'pids.current')
  const cpu = file('cpuacct', 'cpuacct.usage')
  if (pids === undefined && cpu === undefined) return undefined
  const lines = (name: string): string | undefined => file('blkio', `blkio.${name}`)
  const devices = lines('io_service_bytes_recursive') || lines('throttle.io_service_bytes_recursive') || ''
  const moved = /^\d+:\d+ /m.test(devices) ? devices : (lines('throttle.io_service_bytes_recursive') ?? '')
  const total = (what: string): number =>
    [...moved.matchAll(new RegExp(`^\\d+:\\d+ ${what} (\\d+)$`, 'gm'))].reduce((sum, [, n]) => sum + Number(n), 0)
  const cache = value(file('memory', 'memory.stat'), 'total_inactive_file')
  return {
    cpu: number(cpu),
    memory: withoutCache(number(file('memory', 'memory.usage_in_bytes')), cache),
    memoryLimit: limit(file('memory', 'memory.limit_in_bytes')),
    processes: number(pids),
    read: total('Read'),
    written: total('Write'),
  }
}

function withoutCache(used: number, cache: number): number {
  return cache < used ? used - cache : used
}

/** v1 says "none" by the largest number of whole pages. */
function limit(text: string | undefined): number {
  const bytes = number(text, Infinity)
  return bytes > Number.MAX_SAFE_INTEGER ? Infinity : bytes
}

function number(text: string | undefined, otherwise = 0): number {
  return /^\d+$/.test(text ?? '') ? Number(text) : otherwise
}

/** Of a file of `name value` lines. */
function value(text: string | undefined, name: string): number {
  return number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text ?? '')?.[1])
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV', 'EOPNOTSUPP')) return undefined
    throw error
  }
}
