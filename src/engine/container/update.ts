import { fail, type Call } from '#base'
import { checkDelegated, hasGroup, hostFacts, resourceLimits, type ResourceOptions, type ResourceSpec } from '#runtime'
import { enterPrivateMounts } from '#sys'
import type { Parts } from '../parts.ts'
import { lockContainer } from './lock.ts'

/** Changes a container's limits: those of one that runs at once, and what every later start asks for. */
export async function update(parts: Parts, ref: string, asked: ResourceOptions, call?: Call): Promise<void> {
  const { id } = parts.containers.find(ref)
  using _ = await lockContainer(parts, id, call)
  const record = parts.containers.get(id)
  if (!record || record.state === 'removing' || record.state === 'removed')
    return fail('not_found', `no such container: ${ref}`)
  const { name, config, state } = record
  const host = hostFacts()
  if (host.userNamespace) checkDelegated(asked, host.userManager)
  const runs = state === 'running' || state === 'paused'
  if (runs && !hasGroup(config.options.resources))
    fail('failed_precondition', `container ${name} was started without limits, and so has no control group`, {
      hint: 'stop it first: its next start has the limits',
    })
  const resources = merged(config.options.resources ?? {}, asked, name)
  const limits = resourceLimits(resources, host)
  if (runs) {
    // The runtime looks at control groups as it did when it made the container.
    enterPrivateMounts()
    await (await parts.runtime(config.options.runtime)).update(id, withUnlimited(limits, asked))
  }
  parts.containers.update(id, { config: { ...config, options: { ...config.options, resources } } })
}

/** As Docker has it: there is one way at a time to say how much of the processors a container gets. */
function merged(before: ResourceOptions, asked: ResourceOptions, name: string): ResourceOptions {
  const conflict = (what: string, other: string): never =>
    fail('invalid_argument', `cannot update container ${name}: ${what} conflicts with the ${other} that it has`)
  if (asked.cpus !== undefined && (before.cpuPeriod || before.cpuQuota))
    conflict('--cpus', '--cpu-period or --cpu-quota')
  if (before.cpus !== undefined && (asked.cpuPeriod || asked.cpuQuota))
    conflict('--cpu-period or --cpu-quota', '--cpus')
  const resources = { ...before, ...asked }
  if (asked.memory !== undefined && before.memorySwap !== undefined && before.memorySwap > 0)
    if (asked.memorySwap === undefined && asked.memory > before.memorySwap)
      fail(
        'invalid_argument',
        `cannot update container ${name}: the memory limit would be above that of memory and swap`,
        {
          hint: 'give --memory-swap as well',
        },
      )
  return resources
}

/** PID_MAX_LIMIT (proc(5), pid_max): more processes there cannot be. Runtimes take no other word for no limit at all. */
const ALL_PROCESSES = 2 ** 22

/** At a start no limit is said by saying nothing; here that would leave the one there is. */
function withUnlimited(limits: Omit<ResourceSpec, 'devices'>, { pidsLimit }: ResourceOptions): ResourceSpec {
  return pidsLimit !== undefined && pidsLimit <= 0 ? { ...limits, pids: { limit: ALL_PROCESSES } } : limits
}
