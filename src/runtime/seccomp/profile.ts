import { asArray, asObject, asString, asStrings } from '#oci'
import { fail } from '#base'

/** One comparison of a syscall's argument. */
export interface ArgumentRule {
  /** 0 to 5. */
  readonly index: number
  /** With `SCMP_CMP_MASKED_EQ` the mask, and `valueTwo` what must be left. */
  readonly value: number
  readonly valueTwo?: number
  readonly op: string
}

/** runtime-spec `linux.seccomp.syscalls[]`: the arguments of one rule all hold, any rule suffices. */
export interface SyscallRule {
  readonly names: readonly string[]
  readonly action: string
  readonly errnoRet?: number
  readonly args?: readonly ArgumentRule[]
}

/** runtime-spec `linux.seccomp`. */
export interface Seccomp {
  readonly defaultAction: string
  readonly defaultErrnoRet?: number
  readonly architectures?: readonly string[]
  readonly flags?: readonly string[]
  readonly listenerPath?: string
  readonly listenerMetadata?: string
  readonly syscalls?: readonly SyscallRule[]
}

/** When a rule of a {@link Profile} counts. */
export interface Condition {
  /** All of these in the bounding set. */
  readonly caps?: readonly string[]
  /** One of Go's names for machines: `amd64`, `arm64`. */
  readonly arches?: readonly string[]
  /** `4.8`: this kernel or a later one. */
  readonly minKernel?: string
}

export interface ProfileRule extends SyscallRule {
  readonly includes?: Condition
  readonly excludes?: Condition
}

/** A profile file as Docker and Podman read it: a {@link Seccomp} whose rules depend on the container. */
export interface Profile extends Omit<Seccomp, 'syscalls'> {
  readonly archMap?: readonly { readonly architecture: string; readonly subArchitectures: readonly string[] }[]
  readonly syscalls?: readonly ProfileRule[]
}

export interface ProfileContext {
  readonly architecture: 'x64' | 'arm64'
  /** The container's bounding set. */
  readonly capabilities: readonly string[]
  /** As `uname -r` says; default: of this kernel's rules all hold. */
  readonly kernel?: string
}

/** Checks outside JSON for the shape of a profile; the values of actions and operators are checked when compiled. */
export function asProfile(json: unknown): Profile {
  const file = asObject(json, 'profile')
  asString(file.defaultAction, 'defaultAction')
  const syscalls = asArray(file.syscalls ?? [], 'syscalls').map((entry, index) => asRule(entry, `syscalls[${index}]`))
  if (file.archMap && file.architectures) fail('invalid_argument', 'profile has both architectures and archMap')
  const archMap = asArray(file.archMap ?? [], 'archMap').map((entry, index) => {
    const map = asObject(entry, `archMap[${index}]`)
    return {
      architecture: asString(map.architecture, `archMap[${index}].architecture`),
      subArchitectures: asStrings(map.subArchitectures ?? [], `archMap[${index}].subArchitectures`),
    }
  })
  return { ...(file as unknown as Profile), archMap, syscalls }
}

function asRule(json: unknown, where: string): ProfileRule {
  const rule = asObject(json, where)
  const names = rule.name === undefined ? asStrings(rule.names, `${where}.names`) : [asString(rule.name, where)]
  const args = asArray(rule.args ?? [], `${where}.args`).map((entry) => {
    const { index, value, valueTwo, op } = asObject(entry, `${where}.args`)
    if (typeof index !== 'number' || !(index >= 0 && index < 6))
      fail('invalid_argument', `${where}: an argument index goes from 0 to 5`)
    return { index, value: Number(value), valueTwo: Number(valueTwo ?? 0), op: asString(op, `${where}.op`) }
  })
  return { ...(rule as unknown as ProfileRule), names, args, action: asString(rule.action, `${where}.action`) }
}

const MACHINES = {
  x64: { go: 'amd64', scmp: 'SCMP_ARCH_X86_64' },
  arm64: { go: 'arm64', scmp: 'SCMP_ARCH_AARCH64' },
} as const

/** The rules that count for one container on one machine: what config.json gets. */
export function resolveProfile(profile: Profile, context: ProfileContext): Seccomp {
  const { archMap, syscalls, architectures, ...rest } = profile
  const native = MACHINES[context.architecture].scmp
  const mapped = archMap?.find((entry) => entry.architecture === native)
  return {
    ...rest,
    architectures: mapped ? [native, ...mapped.subArchitectures] : [...(architectures ?? [native])],
    syscalls: (syscalls ?? [])
      .filter((rule) => counts(rule, context))
      .map(({ names, action, errnoRet, args }) => ({
        names,
        action,
        ...(errnoRet !== undefined && { errnoRet }),
        ...(args && args.length > 0 && { args }),
      })),
  }
}

function counts(rule: ProfileRule, context: ProfileContext): boolean {
  const { includes, excludes } = rule
  const machine = MACHINES[context.architecture].go
  const has = (name: string): boolean => context.capabilities.includes(name)
  if (excludes?.arches?.includes(machine)) return false
  if (excludes?.caps?.some(has)) return false
  if (excludes?.minKernel && atLeast(context.kernel, excludes.minKernel)) return false
  if (includes?.arches?.length && !includes.arches.includes(machine)) return false
  if (includes?.caps && !includes.caps.every(has)) return false
  return !includes?.minKernel || atLeast(context.kernel, includes.minKernel)
}

function atLeast(kernel: string | undefined, wanted: string): boolean {
  if (kernel === undefined) return true
  const [major = 0, minor = 0] = kernel.split(/[.-]/).map(Number)
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split('.').map(Number)
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)
}
