import { existsSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { getResourceLimit, hasSyscall, inUserNamespace } from '#sys'
import { hostAppArmor, type AppArmor } from '../apparmor/host.ts'
import { userManager, type UserManager, type WithoutManager } from '../cgroup/usermanager.ts'
import { cgroupMode, swapLimited, type CgroupMode } from '../cgroup/mode.ts'
import { capabilitiesFromMask } from './capabilities.ts'
import { hostDevices, type Device } from './devices.ts'
import type { HardLimits } from './rlimits.ts'

/** What a spec needs to know of this machine and process. Each is read when it is first asked for. */
export interface HostFacts {
  readonly architecture: 'x64' | 'arm64'
  /** Capabilities that this process may give away: its bounding set. */
  readonly capabilities: readonly string[]
  readonly hardLimit: HardLimits
  readonly cgroups: CgroupMode
  /** Root is that of a user namespace: control groups, for one, are somebody else’s. */
  readonly userNamespace: boolean
  /** Who gives control groups in a user namespace, or why nobody does. */
  readonly userManager: UserManager | WithoutManager
  /** The memory controller can limit swap. */
  readonly swapLimit: boolean
  readonly cpus: number
  /** Every device node, for privileged containers. */
  readonly devices: readonly Device[]
  /** A bind mount can be made read-only with everything mounted below it (mount_setattr). */
  readonly recursiveReadonly: boolean
  /** Paths that tell one container of another's load: masked. */
  readonly throttleCounters: readonly string[]
  readonly appArmor: AppArmor
}

/** The facts of this host. Only those that a spec asks for cost anything. */
export function hostFacts(): HostFacts {
  return {
    architecture: process.arch === 'arm64' ? 'arm64' : 'x64',
    get capabilities(): readonly string[] {
      return capabilitiesFromMask(/^CapBnd:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0')
    },
    hardLimit: (resource) => getResourceLimit(resource).hard,
    get cgroups(): CgroupMode {
      return cgroupMode()
    },
    get userNamespace(): boolean {
      return inUserNamespace()
    },
    get userManager(): UserManager | WithoutManager {
      return userManager()
    },
    get swapLimit(): boolean {
      return swapLimited()
    },
    get cpus(): number {
      return availableParallelism()
    },
    get devices(): readonly Device[] {
      return hostDevices()
    },
    get recursiveReadonly(): boolean {
      return hasSyscall('mount_setattr')
    },
    get throttleCounters(): readonly string[] {
      const counter = (cpu: number): string => `/sys/devices/system/cpu/cpu${cpu}/thermal_throttle`
      if (!existsSync(counter(0))) return []
      return Array.from({ length: availableParallelism() }, (_, cpu) => counter(cpu))
    },
    get appArmor(): AppArmor {
      return hostAppArmor()
    },
  }
}
