import { readFileSync } from 'node:fs'
import { fail, reasonOf } from '#base'
import { asProfile, type Profile } from '../seccomp/profile.ts'

/** What `--security-opt` decided. */
export interface Security {
  readonly noNewPrivileges?: boolean
  /** Default `default`. */
  readonly seccomp?: 'default' | 'unconfined' | Profile
  /** Leave nothing of /proc and /sys masked or read-only. */
  readonly unconfinedPaths?: boolean
  /** An AppArmor profile by its name, or `unconfined`. */
  readonly appArmor?: string
}

/**
 * Reads Docker's `--security-opt` words (`name=value`, or `name:value` of old). Anything that
 * would not be honoured is refused: a confinement that is silently missing is worse than none.
 */
export function parseSecurityOptions(words: readonly string[]): Security {
  let security: Security = {}
  for (const word of words) security = { ...security, ...parseOne(word) }
  return security
}

function parseOne(word: string): Security {
  const [name = '', value = ''] = word.split(/[=:](.*)/s)
  switch (name) {
    case 'no-new-privileges':
      if (value !== '' && value !== 'true' && value !== 'false') break
      return { noNewPrivileges: value !== 'false' }
    case 'seccomp':
      return { seccomp: value === 'unconfined' ? value : value === 'builtin' ? 'default' : readProfile(value) }
    case 'systempaths':
      if (value !== 'unconfined') break
      return { unconfinedPaths: true }
    case 'apparmor':
      if (value === '') break
      return { appArmor: value }
    case 'label':
      if (value === 'disable') return {}
      return fail('unimplemented', `security option "${word}": Cairn sets no SELinux labels`)
  }
  return fail('invalid_argument', `invalid security option: "${word}"`)
}

function readProfile(path: string): Profile {
  try {
    return asProfile(JSON.parse(readFileSync(path, 'utf8')))
  } catch (error) {
    return fail('invalid_argument', `seccomp profile ${path}: ${reasonOf(error)}`, { cause: error })
  }
}
