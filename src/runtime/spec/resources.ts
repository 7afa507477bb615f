import { fail } from '#base'
import type { ResourceSpec } from '../types.ts'
import { DEFAULT_DEVICE_RULES, EVERY_DEVICE_RULE, ruleFor, type Device, type DeviceRule } from './devices.ts'
import type { HostFacts } from './host.ts'
import type { ResourceOptions, SpecOptions } from './types.ts'

const MEMORY_MINIMUM = 6 * 1024 * 1024
/** CFS period in microseconds: the kernel's default. */
const CPU_PERIOD = 100_000

/** runtime-spec `linux.resources`, checked as Docker checks it. */
export function resourcesOf(options: SpecOptions, host: HostFacts): ResourceSpec {
  const limits = resourceLimits(options.resources ?? {}, host)
  // Which devices a group may use is for root of the machine to say; the nodes' own modes hold in any case.
  if (host.userNamespace) return limits
  return { devices: deviceRules(options.privileged ?? false, options.devices ?? []), ...limits }
}

/** What limits a container, without what it may do with devices. */
export function resourceLimits(asked: ResourceOptions, host: HostFacts): Omit<ResourceSpec, 'devices'> {
  const memory = memoryOf(asked, host)
  const cpu = cpuOf(asked, host)
  const pids = asked.pidsLimit
  return {
    ...(memory && { memory }),
    ...(cpu && { cpu }),
    ...(pids !== undefined && pids > 0 && { pids: { limit: pids } }),
  }
}

function deviceRules(privileged: boolean, devices: readonly Device[]): DeviceRule[] {
  return privileged ? [EVERY_DEVICE_RULE] : [...DEFAULT_DEVICE_RULES, ...devices.map(ruleFor)]
}

function memoryOf(asked: ResourceOptions, host: HostFacts): ResourceSpec['memory'] | undefined {
  const { memory, memorySwap, memoryReservation } = asked
  if (memory !== undefined && memory < MEMORY_MINIMUM) {
    fail('invalid_argument', `minimum memory limit allowed is 6MB, not ${memory} bytes`)
  }
  if (memorySwap !== undefined && memorySwap !== -1 && (memory === undefined || memorySwap < memory)) {
    fail('invalid_argument', 'memory-swap is memory and swap together: it needs a memory limit and cannot be below it')
  }
  if (memory !== undefined && memoryReservation !== undefined && memoryReservation > memory) {
    fail('invalid_argument', 'memory reservation cannot be above the memory limit')
  }
  if (memory === undefined && memoryReservation === undefined) return undefined
  const swap = memorySwap ?? (memory === undefined ? undefined : memory * 2)
  return {
    ...(memory !== undefined && { limit: memory }),
    ...(memoryReservation !== undefined && { reservation: memoryReservation }),
    ...(swap !== undefined && host.swapLimit && { swap }),
  }
}

const CPU_LIST = /^\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*$/

function cpuOf(asked: ResourceOptions, host: HostFacts): ResourceSpec['cpu'] | undefined {
  const { cpus, cpuShares, cpuPeriod, cpuQuota, cpusetCpus, cpusetMems } = asked
  if (cpus !== undefined && (cpuPeriod !== undefined || cpuQuota !== undefined)) {
    fail('invalid_argument', 'cpus cannot be combined with cpu-period or cpu-quota: it sets both')
  }
  if (cpus !== undefined && !(cpus >= 0.01 && cpus <= host.cpus)) {
    fail('invalid_argument', `range of CPUs is from 0.01 to ${host.cpus}.00, as there are only ${host.cpus} available`)
  }
  for (const list of [cpusetCpus, cpusetMems]) {
    if (list !== undefined && !CPU_LIST.test(list)) fail('invalid_argument', `invalid cpuset: "${list}" (as 0-2,4)`)
  }
  const quota = cpus === undefined ? cpuQuota : Math.round(cpus * CPU_PERIOD)
  const period = cpus === undefined ? cpuPeriod : CPU_PERIOD
  const cpu = {
    ...(cpuShares && { shares: cpuShares }),
    ...(quota && { quota }),
    ...(period && { period }),
    ...(cpusetCpus && { cpus: cpusetCpus }),
    ...(cpusetMems && { mems: cpusetMems }),
  }
  return Object.keys(cpu).length > 0 ? cpu : undefined
}
