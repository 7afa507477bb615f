import { fail } from '#base'
import type { BuildRequest } from '#engine'
import type { Values } from '../../command.ts'
import { extraHost } from '../hosts.ts'
import { parseUlimit } from '../limits.ts'
import { parseBytes, parseInteger } from '../quantities.ts'
import { given } from './given.ts'
import { parseSecret, parseSsh } from './secret.ts'

/** What steps run with. */
export const stepFlags = {
  'add-host': { type: 'string', multiple: true, help: 'Add a custom host-to-IP mapping (format: "host:ip")' },
  allow: {
    type: 'string',
    multiple: true,
    help: 'Allow extra privileged entitlement (network.host, security.insecure, device[=NAME])',
    complete: ['network.host', 'security.insecure', 'device', 'device='],
  },
  'cgroup-parent': { type: 'string', help: 'Set the parent cgroup for the RUN instructions during build' },
  'cpu-period': { type: 'string', value: 'int', help: 'Limit the CPU CFS (Completely Fair Scheduler) period' },
  'cpu-quota': { type: 'string', value: 'int', help: 'Limit the CPU CFS (Completely Fair Scheduler) quota' },
  'cpu-shares': { type: 'string', short: 'c', value: 'int', help: 'CPU shares (relative weight)' },
  'cpuset-cpus': { type: 'string', help: 'CPUs in which to allow execution (0-3, 0,1)' },
  'cpuset-mems': { type: 'string', help: 'MEMs in which to allow execution (0-3, 0,1)' },
  jobs: { type: 'string', value: 'int', help: 'How many steps may run at once (the number of CPUs, at least 2)' },
  memory: { type: 'string', short: 'm', value: 'bytes', help: 'Memory limit of each step' },
  'memory-swap': {
    type: 'string',
    value: 'bytes',
    help: "Swap limit equal to memory plus swap: '-1' to enable unlimited swap",
  },
  network: {
    type: 'string',
    help: 'Set the networking mode for the RUN instructions during build',
    complete: ['default', 'none', 'host'],
  },
  secret: {
    type: 'string',
    multiple: true,
    help: 'Secret to expose to the build (format: "id=mysecret[,src=/local/secret|,env=NAME]")',
  },
  'shm-size': { type: 'string', value: 'bytes', help: 'Shared memory size for build containers' },
  ssh: {
    type: 'string',
    multiple: true,
    help: 'SSH agent socket or keys to expose to the build (format: "default|<id>[=<socket>|<key>[,<key>]]")',
  },
  ulimit: { type: 'string', multiple: true, value: 'ulimit', help: 'Ulimit options' },
} as const

export const refusedStepFlags = ['isolation', 'security-opt', 'resource', 'device'] as const

type Given = Values<typeof stepFlags>

export function stepRequest(values: Given): Partial<BuildRequest> {
  return given({
    network: network(values.network),
    allow: values.allow?.map(entitlement),
    extraHosts: values['add-host']?.map(extraHost),
    cgroupParent: values['cgroup-parent'],
    resources: resources(values),
    parallelism: values.jobs === undefined ? undefined : parseInteger(values.jobs, '--jobs', 1),
    shmSize: values['shm-size'] === undefined ? undefined : parseBytes(values['shm-size'], '--shm-size'),
    ulimits: values.ulimit?.map(parseUlimit),
    secrets: values.secret && Object.fromEntries(values.secret.map(parseSecret)),
    ssh: values.ssh && Object.fromEntries(values.ssh.map(parseSsh)),
  })
}

function network(asked = 'default'): 'default' | 'none' | 'host' {
  const mode = asked === 'bridge' ? 'default' : asked
  if (mode === 'default' || mode === 'none' || mode === 'host') return mode
  return fail('unimplemented', `--network ${mode} is not supported for builds`, { hint: 'default, none or host' })
}

function entitlement(name: string): string {
  if (name === 'network.host' || name === 'security.insecure' || /^device(?:=|$)/.test(name)) return name
  return fail('invalid_argument', `--allow ${name}: there is no such entitlement`, {
    hint: 'network.host, security.insecure, device or device=NAME',
  })
}

function resources(values: Given): BuildRequest['resources'] {
  const { memory, 'memory-swap': swap } = values
  const integer = (flag: 'cpu-period' | 'cpu-quota' | 'cpu-shares', low: number): number | undefined =>
    values[flag] === undefined ? undefined : parseInteger(values[flag], `--${flag}`, low)
  const asked = given({
    memory: memory === undefined ? undefined : parseBytes(memory, '--memory'),
    memorySwap: swap === undefined ? undefined : swap === '-1' ? -1 : parseBytes(swap, '--memory-swap'),
    cpuPeriod: integer('cpu-period', 0),
    cpuQuota: integer('cpu-quota', -1),
    cpuShares: integer('cpu-shares', 0),
    cpusetCpus: values['cpuset-cpus'],
    cpusetMems: values['cpuset-mems'],
  })
  return Object.keys(asked).length > 0 ? asked : undefined
}
