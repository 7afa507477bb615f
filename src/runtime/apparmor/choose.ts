import { fail } from '#base'
import type { SpecOptions } from '../spec/types.ts'
import type { AppArmor } from './host.ts'
import { DEFAULT_PROFILE, UNCONFINED } from './profile.ts'

type Wish = Pick<SpecOptions, 'privileged' | 'security'>

/**
 * The profile that confines a container's processes: what was asked for, else none for privileged ones and the default for
 * all others. Undefined where the kernel has no profiles, or nobody who could name or load one.
 */
export function appArmorProfile({ privileged, security }: Wish, host: AppArmor): string | undefined {
  if (security?.appArmor !== undefined) return security.appArmor
  if (!host.reachable) return undefined
  if (privileged) return UNCONFINED
  return host.parser === undefined ? undefined : DEFAULT_PROFILE
}

/** {@link appArmorProfile} for a process that starts: `failed_precondition` for one that was asked for and cannot be had. */
export function availableProfile(wish: Wish, host: AppArmor): string | undefined {
  const asked = wish.security?.appArmor
  if (asked === undefined) return appArmorProfile(wish, host)
  if (asked === UNCONFINED) return host.reachable ? asked : undefined
  const refuse = (why: string, hint: string): never =>
    fail('failed_precondition', `AppArmor profile ${JSON.stringify(asked)} ${why}`, { hint })
  const without = 'leave --security-opt apparmor=… out'
  if (!host.enabled) refuse('asked for, but AppArmor is not enabled in this kernel', without)
  if (!host.reachable) refuse('asked for, but only root names profiles, where securityfs is mounted', without)
  if (asked === DEFAULT_PROFILE) {
    if (host.parser === undefined) refuse('cannot be loaded: apparmor_parser is missing', 'apt-get install apparmor')
  } else if (!host.profiles.includes(asked))
    refuse('is not loaded', 'load it from its file: apparmor_parser -r FILE; aa-status lists what is loaded')
  return asked
}
