import { closeSync, openSync, readSync } from 'node:fs'
import { isErrno } from './errno.ts'

/** What /proc says of a process. Times in seconds, memory in bytes. */
export interface ProcessInfo {
  readonly pid: number
  readonly parent: number
  readonly group: number
  readonly session: number
  /** `R`, `S`, `D`, `Z`, `T`, … */
  readonly state: string
  readonly command: string
  /** Empty for a zombie and for threads of the kernel. */
  readonly args: readonly string[]
  readonly uid: number
  readonly gid: number
  /** `pts/0`; undefined without a controlling terminal. */
  readonly tty: string | undefined
  /** In the foreground of its terminal. */
  readonly foreground: boolean
  readonly nice: number
  readonly priority: number
  readonly threads: number
  /** Holds pages locked in memory. */
  readonly locked: boolean
  /** Since boot. */
  readonly started: number
  readonly cpu: number
  readonly size: number
  readonly resident: number
}

/** USER_HZ, the same on every architecture that Bun runs on. */
const TICKS = 100
/** Of a command line no more is read than this, bytes: a process can make it as long as it likes. */
const LIMIT = 64 * 1024

/** proc(5); undefined when the process is gone. */
export function processInfo(pid: number): ProcessInfo | undefined {
  try {
    const stat = start(`/proc/${pid}/stat`).toString()
    const status = start(`/proc/${pid}/status`).toString()
    const args = start(`/proc/${pid}/cmdline`).toString().replace(/\0+$/, '')
    return parse(pid, { stat, status, args: args === '' ? [] : args.split('\0') })
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return undefined
    throw error
  }
}

function parse(
  pid: number,
  { stat, status, args }: { readonly stat: string; readonly status: string; readonly args: readonly string[] },
): ProcessInfo {
  const end = stat.lastIndexOf(')')
  const [state = 'X', ...rest] = stat.slice(end + 2).split(' ')
  const numbers = rest.map(Number)
  const field = (index: number): number => numbers[index - 1] ?? 0
  const said = (name: string): readonly number[] =>
    (new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? '').split(/\s+/).map(Number)
  const kilobytes = (name: string): number => (said(name)[0] || 0) * 1024
  return {
    pid,
    parent: field(1),
    group: field(2),
    session: field(3),
    state,
    command: stat.slice(stat.indexOf('(') + 1, end),
    args,
    uid: said('Uid')[1] ?? 0,
    gid: said('Gid')[1] ?? 0,
    tty: terminal(field(4)),
    foreground: field(4) !== 0 && field(5) === field(2),
    nice: field(16),
    priority: field(15),
    threads: field(17),
    locked: kilobytes('VmLck') > 0,
    started: field(19) / TICKS,
    cpu: (field(11) + field(12)) / TICKS,
    size: kilobytes('VmSize'),
    resident: kilobytes('VmRSS'),
  }
}

/** Names of the numbers in devices.txt that a controlling terminal can have. */
function terminal(device: number): string | undefined {
  if (device === 0) return undefined
  const major = (device >> 8) & 0xfff
  const minor = (device & 0xff) | ((device >>> 12) & 0xfff00)
  if (major >= 136 && major <= 143) return `pts/${(major - 136) * 256 + minor}`
  if (major === 4) return minor < 64 ? `tty${minor}` : `ttyS${minor - 64}`
  return major === 5 && minor === 1 ? 'console' : `${major},${minor}`
}

function start(path: string): Buffer {
  const fd = openSync(path, 'r')
  try {
    const buffer = Buffer.allocUnsafe(LIMIT)
    let length = 0
    for (let got = -1; got !== 0 && length < LIMIT; length += got)
      got = readSync(fd, buffer, length, LIMIT - length, null)
    return buffer.subarray(0, length)
  } finally {
    closeSync(fd)
  }
}
