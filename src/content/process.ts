import { readFileSync, readlinkSync } from 'node:fs'
import { utf8 } from '#base'
import { createHasher } from '#codec'
import { hexOf } from '#oci'

/**
 * A process that can be recognised after its pid has been used again: pid and start time count
 * within one boot and one pid namespace.
 */
export interface ProcessIdentity {
  readonly pid: number
  /** Field 22 of /proc/PID/stat; empty where there is no /proc. */
  readonly start: string
  /** Boot ID and pid namespace; empty where there is no /proc. */
  readonly domain: string
}

let own: ProcessIdentity | undefined

export function ownIdentity(): ProcessIdentity {
  // A process never changes its pid, but a forked child would inherit the memo: compare.
  if (own?.pid !== process.pid) own = { pid: process.pid, start: startTime(process.pid) ?? '', domain: domain() }
  return own
}

/**
 * False when the process has certainly ended. Undefined when it lives where this process cannot
 * see (another pid namespace).
 */
export function isAlive(identity: ProcessIdentity): boolean | undefined {
  const self = ownIdentity()
  if (identity.pid === self.pid && identity.start === self.start && identity.domain === self.domain) return true
  const [boot, namespace] = identity.domain.split(' ')
  const [ownBoot, ownNamespace] = self.domain.split(' ')
  if (boot !== ownBoot) return false
  if (namespace !== ownNamespace) return undefined
  if (self.domain === '') return signalable(identity.pid)
  return startTime(identity.pid) === identity.start
}

/** The identity as part of a file name: `<domain>-<pid>-<start>`. */
export function ownerTag(): string {
  const { pid, start, domain } = ownIdentity()
  return `${domainTag(domain)}-${pid}-${start}`
}

/** Whether the process whose tag begins a file name still runs; undefined when that cannot be known from here. */
export function tagIsAlive(name: string): boolean | undefined {
  const [tag, pid, start = ''] = name.split('-')
  const { domain } = ownIdentity()
  return tag === domainTag(domain) ? isAlive({ pid: Number(pid), start, domain }) : undefined
}

function domainTag(domain: string): string {
  const hasher = createHasher()
  hasher.update(utf8(domain))
  return hexOf(hasher.digest()).slice(0, 8)
}

/** The kernel's start time of a process; undefined when there is none (a zombie counts as ended). */
function startTime(pid: number): string | undefined {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return undefined
  }
  // The command, in parentheses, may hold spaces and parentheses: fields count from the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]
}

function domain(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return ''
  }
}

function signalable(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
