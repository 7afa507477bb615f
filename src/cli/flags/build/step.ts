import { fail } from '#base'
import type { BuildRequest } from '#engine'
import type { Values } from '../../command.ts'

/** What steps run with. */
export const stepFlags = {
  network: {
    type: 'string',
    help: 'Set the networking mode for the RUN instructions during build',
    complete: ['default', 'none', 'host'],
  },
} as const

export const refusedStepFlags = [
  'add-host',
  'allow',
  'cgroup-parent',
  'cpu-period',
  'cpu-quota',
  'cpu-shares',
  'cpuset-cpus',
  'isolation',
  'memory',
  'secret',
  'security-opt',
  'shm-size',
  'ssh',
  'ulimit',
] as const

export function stepRequest(values: Values<typeof stepFlags>): Partial<BuildRequest> {
  const network = values.network === 'bridge' ? 'default' : (values.network ?? 'default')
  if (network !== 'default' && network !== 'none' && network !== 'host')
    fail('unimplemented', `--network ${network} is not supported for builds`, { hint: 'default, none or host' })
  return { network }
}
