import { closeSync, existsSync, openSync, readdirSync, readSync, writeFileSync } from 'node:fs'
import { fail, messageOf } from '#base'

const ROOT = '/proc/sys/net'

/** A value under net/, for example `ipv4/ip_forward`; undefined when the kernel has no such knob. */
export function readSysctl(name: string): string | undefined {
  const bytes = new Uint8Array(64)
  let fd: number
  try {
    fd = openSync(`${ROOT}/${name}`, 'r')
  } catch {
    return undefined
  }
  try {
    return new TextDecoder().decode(bytes.subarray(0, readSync(fd, bytes))).trim()
  } finally {
    closeSync(fd)
  }
}

/** Writes only what differs: on a read-only /proc/sys an administrator may have set it already. */
export function ensureSysctl(name: string, value: string): void {
  if (readSysctl(name) === value) return
  try {
    writeFileSync(`${ROOT}/${name}`, value)
  } catch (cause) {
    fail('failed_precondition', `cannot set net.${name.replaceAll('/', '.')} to ${value}: ${messageOf(cause)}`, {
      hint: `set it on the host: sysctl -w net.${name.replaceAll('/', '.')}=${value}`,
      cause,
    })
  }
}

export function forwardsIpv4(): boolean {
  return readSysctl('ipv4/ip_forward') === '1'
}

export function forwardsIpv6(): boolean {
  return readSysctl('ipv6/conf/all/forwarding') === '1'
}

export function ensureForwarding4(bridge: string): void {
  ensureSysctl('ipv4/ip_forward', '1')
  // Replies to 127.0.0.1:PORT come back over the bridge; the guard chain keeps everything else out.
  ensureSysctl(`ipv4/conf/${bridge}/route_localnet`, '1')
}

/**
 * A forwarding host ignores router advertisements unless told otherwise, and would lose the
 * default route that it got from one: interfaces that listened before go on listening.
 */
export function ensureForwarding6(): void {
  if (forwardsIpv6()) return
  for (const name of readdirSync(`${ROOT}/ipv6/conf`)) {
    const knob = `ipv6/conf/${name}/accept_ra`
    if (name !== 'all' && name !== 'lo' && readSysctl(knob) === '1') ensureSysctl(knob, '2')
  }
  ensureSysctl('ipv6/conf/all/forwarding', '1')
}

export function kernelHasIpv6(): boolean {
  return existsSync(`${ROOT}/ipv6`)
}
