import { fail } from '#base'
import type { HostFacts } from './host.ts'
import type { SpecOptions } from './types.ts'

/** Kernel parameters that belong to an IPC namespace. */
const IPC = /^(?:kernel\.(?:msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)|fs\.mqueue\.[a-z_]+)$/

/** Docker's: anyone in the container may bind low ports and ping. */
const DEFAULTS = {
  'net.ipv4.ip_unprivileged_port_start': '0',
  'net.ipv4.ping_group_range': '0 2147483647',
} as const

/** runtime-spec `linux.sysctl`: only parameters of a namespace that is the container's own. */
export function sysctlsOf(
  options: SpecOptions,
  { userNamespace }: Pick<HostFacts, 'userNamespace'>,
): Record<string, string> {
  const asked = options.sysctls ?? {}
  const ownNetwork = options.network !== 'host'
  for (const name of Object.keys(asked)) {
    const own = name.startsWith('net.') ? ownNetwork : IPC.test(name) ? options.ipc !== 'host' : isUts(name, options)
    if (!own) fail('invalid_argument', `sysctl "${name}" is not in a kernel namespace of the container's own`)
  }
  // The range has groups that a user namespace lacks, and the kernel takes no others.
  const { 'net.ipv4.ping_group_range': _, ...rest } = DEFAULTS
  return { ...(ownNetwork ? (userNamespace ? rest : DEFAULTS) : {}), ...asked }
}

function isUts(name: string, options: SpecOptions): boolean {
  return name === 'kernel.domainname' && options.uts !== 'host'
}
