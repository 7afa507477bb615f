import { existsSync } from 'node:fs'

/** What containers are confined by unless they ask for another profile, or for none. */
export const DEFAULT_PROFILE = 'cairn-default'
/** AppArmor's own word for no profile. */
export const UNCONFINED = 'unconfined'

/**
 * The text of {@link DEFAULT_PROFILE}, which confines what Docker's default confines: everything is allowed, less what changes
 * the host. A refusal is said a second time by read-only and masked paths; this one also holds where a container mounts
 * /proc and /sys anew, and for those who may mount.
 *
 * AppArmor's patterns have no complement of a name, so that each is spelled letter by letter. It needs no other file; an ABI,
 * where it is known, keeps what newer kernels mediate besides (user namespaces, for one) as it is.
 */
export function defaultProfile(abi: boolean = existsSync('/etc/apparmor.d/abi/3.0')): string {
  return `${abi ? 'abi <abi/3.0>,\n' : ''}
profile ${DEFAULT_PROFILE} flags=(attach_disconnected, mediate_deleted) {
  file,
  capability,
  network,
  unix,

  # Mounts may be undone, not made.
  umount,
  deny mount,

  # The host, and a runtime that a profile of its own confines, may signal a container; its processes one another.
  signal (receive) peer=${UNCONFINED},
  signal (receive) peer={,/usr/bin/,/usr/sbin/,/usr/local/bin/,/usr/local/sbin/}{crun,runc},
  signal (send, receive) peer=${DEFAULT_PROFILE},
  ptrace peer=${DEFAULT_PROFILE},

  # /proc: no file of its own, and no directory but those of processes and sys.
  deny /proc/* w,
  deny /proc/{[^0-9s],s[^y],sy[^s],sys?}*/** w,
  # Of sys, kernel/shm* and kernel/sem, which an IPC namespace has to itself.
  deny /proc/sys/{[^k],k[^e]}** w,
  deny /proc/sys/kernel/{[^s],s[^eh],se[^m],sh[^m]}** w,
  deny /proc/{kcore,sysrq-trigger} rwklx,

  # /sys: nothing but fs/cgroup.
  deny /sys/{[^f],f[^s],fs/[^c],fs/c[^g]}** wklx,
  deny /sys/{firmware,kernel/security,devices/virtual/powercap}/** rwklx,
}
`
}
