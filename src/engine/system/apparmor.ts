import { DEFAULT_PROFILE, hostAppArmor, type AppArmor } from '#runtime'
import type { Requirement } from '../types.ts'
import { machineRoot } from './controlgroups.ts'

/** Whether a profile confines containers; a kernel may do without AppArmor, as with SELinux. */
export function appArmor(host: AppArmor = hostAppArmor(), root: boolean = machineRoot()): Requirement {
  const name = 'AppArmor'
  if (!host.enabled) return { name, state: 'ok', found: 'not enabled in this kernel' }
  const lacking = (found: string, cure: string): Requirement => ({
    name,
    state: 'degraded',
    found,
    cost: 'no profile confines containers; capabilities, seccomp and masked paths do',
    cure,
  })
  if (!root) return lacking('root’s: nobody else loads profiles', 'run it as root: sudo cairn …')
  if (!host.reachable)
    return lacking('enabled, but securityfs is not mounted', 'mount -t securityfs securityfs /sys/kernel/security')
  if (host.parser === undefined) return lacking('enabled, without apparmor_parser', 'apt-get install -y apparmor')
  const loaded = host.profiles.includes(DEFAULT_PROFILE)
  return { name, state: 'ok', found: `${DEFAULT_PROFILE}, ${loaded ? 'loaded' : 'which the first container loads'}` }
}
