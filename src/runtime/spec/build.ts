import { fail } from '#base'
import { availableProfile } from '../apparmor/choose.ts'
import { defaultProfile } from '../seccomp/default.ts'
import { resolveProfile } from '../seccomp/profile.ts'
import type { LinuxSpec, ProcessSpec, RuntimeSpec } from '../types.ts'
import { capabilitiesOf } from './capabilities.ts'
import type { Device } from './devices.ts'
import { checkDelegated, isLimited } from './delegated.ts'
import { hostFacts, type HostFacts } from './host.ts'
import { INIT_PATH, mountsOf, rootPropagation } from './mounts.ts'
import { resourcesOf } from './resources.ts'
import { rlimitsOf } from './rlimits.ts'
import { sysctlsOf } from './sysctls.ts'
import type { SpecOptions } from './types.ts'

/** Paths of /proc and /sys that tell about, or change, the host. */
const MASKED_PATHS: readonly string[] = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
]
const READONLY_PATHS: readonly string[] = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

const DEFAULT_PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * A container's config.json, with Docker's defaults. Pure: the same options on the same host
 * facts give the same spec. `invalid_argument` names whatever cannot be honoured.
 */
export function buildSpec(options: SpecOptions, host: HostFacts = hostFacts()): RuntimeSpec {
  const capabilities = capabilitiesOf(
    { privileged: options.privileged, add: options.capAdd, drop: options.capDrop },
    host.capabilities,
  )
  return {
    ociVersion: '1.0.2',
    process: processOf(options, capabilities, host),
    root: { path: options.rootfs, readonly: options.readonlyRootfs ?? false },
    ...(options.uts !== 'host' && options.hostname !== undefined && { hostname: options.hostname }),
    ...(options.uts !== 'host' && options.domainname && { domainname: options.domainname }),
    mounts: mountsOf(options, host.recursiveReadonly),
    ...(options.annotations && { annotations: options.annotations }),
    linux: linuxOf(options, capabilities, host),
  }
}

function processOf(options: SpecOptions, capabilities: readonly string[], host: HostFacts): ProcessSpec {
  if (options.args.length === 0) fail('invalid_argument', 'no command specified')
  const cwd = options.cwd || '/'
  if (!cwd.startsWith('/')) fail('invalid_argument', `the working directory "${cwd}" is not an absolute path`)
  const user = options.user ?? { uid: 0, gid: 0, additionalGids: [], home: '/root' }
  const size = options.tty ? options.consoleSize : undefined
  const profile = availableProfile(options, host.appArmor)
  return {
    terminal: options.tty ?? false,
    ...(size && { consoleSize: { height: size.rows, width: size.columns } }),
    user: {
      uid: user.uid,
      gid: user.gid,
      additionalGids: user.additionalGids,
      ...(options.umask !== undefined && { umask: options.umask }),
    },
    args: options.init === undefined ? options.args : [INIT_PATH, '--', ...options.args],
    env: environmentOf(options, user.home),
    cwd,
    capabilities: capabilitySets(capabilities, user.uid),
    rlimits: rlimitsOf(options.ulimits ?? [], host.hardLimit),
    noNewPrivileges: options.security?.noNewPrivileges ?? false,
    ...(profile !== undefined && { apparmorProfile: profile }),
    ...(options.oomScoreAdj !== undefined && { oomScoreAdj: options.oomScoreAdj }),
  }
}

/** What execve would leave: a user other than root starts with none, and can gain those of the bounding set. */
export function capabilitySets(capabilities: readonly string[], uid: number): NonNullable<ProcessSpec['capabilities']> {
  const own = uid === 0 ? capabilities : []
  return { bounding: capabilities, effective: own, permitted: own, inheritable: [], ambient: [] }
}

function environmentOf(options: SpecOptions, home: string): string[] {
  const variables = new Map<string, string>()
  const supplied = [
    DEFAULT_PATH,
    ...(options.hostname === undefined ? [] : [`HOSTNAME=${options.hostname}`]),
    ...(options.tty ? ['TERM=xterm'] : []),
  ]
  for (const entry of [...supplied, ...(options.env ?? [])]) variables.set(entry.split('=', 1)[0] ?? '', entry)
  if (!variables.has('HOME')) variables.set('HOME', `HOME=${home}`)
  return [...variables.values()]
}

function linuxOf(options: SpecOptions, capabilities: readonly string[], host: HostFacts): LinuxSpec {
  const open = options.privileged || options.security?.unconfinedPaths
  const propagation = rootPropagation(options.mounts ?? [])
  const seccomp = seccompOf(options, capabilities, host)
  const devices = options.privileged ? host.devices : (options.devices ?? [])
  return {
    namespaces: namespacesOf(options, host),
    ...limitsOf(options, host),
    ...(devices.length > 0 && { devices: devices.map(nodeOf) }),
    sysctl: sysctlsOf(options, host),
    ...(seccomp && { seccomp }),
    maskedPaths: open ? [] : [...MASKED_PATHS, ...host.throttleCounters],
    readonlyPaths: open ? [] : READONLY_PATHS,
    ...(propagation && { rootfsPropagation: propagation }),
  }
}

/**
 * A container's control group, and what that limits. A user who is not root has none to give: the user's systemd has, and is
 * asked where there is something to limit.
 */
function limitsOf(options: SpecOptions, host: HostFacts): Pick<LinuxSpec, 'cgroupsPath' | 'resources'> {
  if (host.userNamespace && !isLimited(options.resources)) return {}
  if (host.userNamespace) checkDelegated(options.resources, host.userManager)
  return {
    ...(options.cgroupsPath && { cgroupsPath: options.cgroupsPath }),
    resources: resourcesOf(options, host),
  }
}

/** A device as the runtime-spec has it. */
export function nodeOf({ path, type, major, minor, fileMode, uid, gid }: Device): object {
  return { path, type, major, minor, fileMode, uid, gid }
}

function seccompOf(options: SpecOptions, capabilities: readonly string[], host: HostFacts): object | undefined {
  const asked = options.security?.seccomp ?? (options.privileged ? 'unconfined' : 'default')
  if (asked === 'unconfined') return undefined
  const profile = asked === 'default' ? defaultProfile : asked
  return resolveProfile(profile, { architecture: host.architecture, capabilities })
}

function namespacesOf(options: SpecOptions, host: HostFacts): { type: string; path?: string }[] {
  const network = options.network === 'none' ? 'private' : (options.network ?? 'private')
  const modes = {
    pid: options.pid,
    network,
    ipc: options.ipc,
    uts: options.uts,
    cgroup: options.cgroupns ?? (host.cgroups === 'v2' ? 'private' : 'host'),
  }
  const namespaces: { type: string; path?: string }[] = [{ type: 'mount' }]
  for (const [type, mode] of Object.entries(modes)) {
    if (mode === 'host') continue
    namespaces.push(typeof mode === 'object' ? { type, path: mode.path } : { type })
  }
  return namespaces
}
