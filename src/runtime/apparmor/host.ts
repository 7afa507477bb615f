import { existsSync, readFileSync } from 'node:fs'
import { inUserNamespace } from '#sys'
import { findProgram } from '../program.ts'

/** Where the kernel shows its policy: securityfs, apparmor(7). */
export const POLICY = '/sys/kernel/security/apparmor'

/** What this host can confine processes by. Each is read when it is first asked for. */
export interface AppArmor {
  /** The kernel confines processes by profiles. */
  readonly enabled: boolean
  /** Its policy can be seen and changed from here: by root of the machine, where securityfs is mounted. */
  readonly reachable: boolean
  /** What loads profiles: `apparmor_parser`. */
  readonly parser: string | undefined
  /** The names of the profiles that are loaded. */
  readonly profiles: readonly string[]
}

/** AppArmor of this host: one look for a file (10 µs in a fresh process) where the kernel is without it. */
export function hostAppArmor(): AppArmor {
  const enabled = isEnabled()
  return {
    enabled,
    reachable: enabled && !inUserNamespace() && existsSync(`${POLICY}/profiles`),
    get parser(): string | undefined {
      return findProgram('apparmor_parser')
    },
    get profiles(): readonly string[] {
      return loadedProfiles(readFileSync(`${POLICY}/profiles`, 'utf8'))
    },
  }
}

/** Lines such as `name of a profile (enforce)`. */
export function loadedProfiles(listing: string): readonly string[] {
  return [...listing.matchAll(/^(.+) \([a-z]+\)$/gm)].map(([, name]) => name!)
}

const ENABLED = '/sys/module/apparmor/parameters/enabled'

/** Looked for first: an error of a failed read takes 60 µs more, which is all that AppArmor would cost those without. */
function isEnabled(): boolean {
  return existsSync(ENABLED) && readFileSync(ENABLED, 'latin1').startsWith('Y')
}
