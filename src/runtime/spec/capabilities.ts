import { fail } from '#base'

/** capability.h, in the kernel's order: the index is the bit. */
export const CAPABILITIES: readonly string[] = (
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE ' +
  'NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN ' +
  'SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE ' +
  'MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE'
)
  .split(' ')
  .map((name) => `CAP_${name}`)

/** The fourteen that Docker leaves to a container. */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
  'CAP_AUDIT_WRITE',
]

export interface CapabilityRequest {
  readonly privileged?: boolean | undefined
  readonly add?: readonly string[] | undefined
  readonly drop?: readonly string[] | undefined
}

/**
 * The capabilities of a container, as Docker counts them: `ALL` and the `CAP_` prefix are
 * understood in any case; added ones win over dropped ones unless all are added.
 *
 * `available` are those that this process may give away (its bounding set). A default it lacks
 * is left out; one asked for by name that it lacks is `permission_denied`, an unknown one `invalid_argument`.
 */
export function capabilitiesOf(request: CapabilityRequest, available: readonly string[]): string[] {
  const add = (request.add ?? []).map((name) => normalize(name, 'add'))
  const drop = (request.drop ?? []).map((name) => normalize(name, 'drop'))
  if (request.privileged || add.includes('ALL')) return available.filter((name) => !drop.includes(name))
  const missing = add.find((name) => !available.includes(name))
  if (missing) {
    fail('permission_denied', `cannot add ${missing}: this process does not have it itself`, {
      hint: 'run Cairn with that capability, or leave it out',
    })
  }
  const kept = drop.includes('ALL') ? [] : DEFAULT_CAPABILITIES.filter((name) => !drop.includes(name))
  return [...new Set([...kept.filter((name) => available.includes(name)), ...add])]
}

function normalize(name: string, verb: string): string {
  const upper = name.toUpperCase()
  if (upper === 'ALL') return upper
  const full = upper.startsWith('CAP_') ? upper : `CAP_${upper}`
  if (!CAPABILITIES.includes(full)) fail('invalid_argument', `unknown capability to ${verb}: "${name}"`)
  return full
}

/** The names behind a mask of `/proc/PID/status` (hexadecimal); bits this list does not know are left out. */
export function capabilitiesFromMask(mask: string): string[] {
  const bits = BigInt(`0x${mask.trim()}`)
  return CAPABILITIES.filter((_, bit) => (bits >> BigInt(bit)) & 1n)
}
