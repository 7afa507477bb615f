import { fail } from '#base'
import { parsePublish, type ContainerOptions, type PullPolicy, type DeviceRequest, type ResourceOptions } from '#engine'
import type { Values } from '../command.ts'
import { environment, lines, pairs } from './environment.ts'
import { parseUlimit } from './limits.ts'
import { parseMount, parseTmpfs, parseVolume } from './mounts.ts'
import { extraHost } from './hosts.ts'
import { parseBytes, parseDecimal, parseInteger } from './quantities.ts'

/** The flags that `run` and `create` share. */
export const containerFlags = {
  'add-host': { type: 'string', multiple: true, help: 'Add a custom host-to-IP mapping (host:ip)' },
  'cap-add': { type: 'string', multiple: true, help: 'Add Linux capabilities' },
  'cap-drop': { type: 'string', multiple: true, help: 'Drop Linux capabilities' },
  cgroupns: { type: 'string', help: 'Cgroup namespace to use (host|private)', complete: ['host', 'private'] },
  cidfile: { type: 'string', help: 'Write the container ID to the file', complete: 'file' },
  'cpu-period': { type: 'string', value: 'int', help: 'Limit CPU CFS (Completely Fair Scheduler) period' },
  'cpu-quota': { type: 'string', value: 'int', help: 'Limit CPU CFS (Completely Fair Scheduler) quota' },
  'cpu-shares': { type: 'string', short: 'c', value: 'int', help: 'CPU shares (relative weight)' },
  cpus: { type: 'string', value: 'decimal', help: 'Number of CPUs' },
  'cpuset-cpus': { type: 'string', help: 'CPUs in which to allow execution (0-3, 0,1)' },
  'cpuset-mems': { type: 'string', help: 'MEMs in which to allow execution (0-3, 0,1)' },
  device: { type: 'string', multiple: true, help: 'Add a host device to the container: a path, or a CDI name' },
  dns: { type: 'string', multiple: true, help: 'Set custom DNS servers' },
  'dns-opt': { type: 'string', multiple: true, help: 'Set DNS options' },
  'dns-option': { type: 'string', multiple: true, help: 'Set DNS options' },
  'dns-search': { type: 'string', multiple: true, help: 'Set custom DNS search domains' },
  domainname: { type: 'string', help: 'Container NIS domain name' },
  entrypoint: { type: 'string', help: 'Overwrite the default ENTRYPOINT of the image' },
  env: { type: 'string', short: 'e', multiple: true, help: 'Set environment variables' },
  'env-file': { type: 'string', multiple: true, help: 'Read in a file of environment variables', complete: 'file' },
  expose: { type: 'string', multiple: true, help: 'Expose a port or a range of ports' },
  'group-add': { type: 'string', multiple: true, help: 'Add additional groups to join' },
  hostname: { type: 'string', short: 'h', help: 'Container host name' },
  init: { type: 'boolean', help: 'Run an init inside the container that forwards signals and reaps processes' },
  interactive: { type: 'boolean', short: 'i', help: 'Keep STDIN open even if not attached' },
  ipc: { type: 'string', help: 'IPC mode to use (private|host)', complete: ['private', 'host'] },
  label: { type: 'string', short: 'l', multiple: true, help: 'Set meta data on a container' },
  'label-file': { type: 'string', multiple: true, help: 'Read in a line delimited file of labels', complete: 'file' },
  'log-driver': { type: 'string', help: 'Logging driver (k8s-file|none)', complete: ['k8s-file', 'none'] },
  memory: { type: 'string', short: 'm', value: 'bytes', help: 'Memory limit' },
  'memory-reservation': { type: 'string', value: 'bytes', help: 'Memory soft limit' },
  'memory-swap': {
    type: 'string',
    value: 'bytes',
    help: "Swap limit equal to memory plus swap: '-1' to enable unlimited swap",
  },
  mount: { type: 'string', multiple: true, value: 'mount', help: 'Attach a filesystem mount to the container' },
  name: { type: 'string', help: 'Assign a name to the container' },
  network: {
    type: 'string',
    value: 'network',
    help: 'Connect a container to a network (bridge|host|none|container:NAME)',
    complete: 'network',
  },
  'network-alias': { type: 'string', multiple: true, help: 'Add network-scoped alias for the container' },
  'no-healthcheck': { type: 'boolean', help: 'Disable any container-specified HEALTHCHECK (none is ever run)' },
  'oom-score-adj': { type: 'string', value: 'int', help: "Tune host's OOM preferences (-1000 to 1000)" },
  pid: { type: 'string', help: 'PID namespace to use (host|container:NAME)', complete: ['host'] },
  'pids-limit': { type: 'string', value: 'int', help: 'Tune container pids limit (set -1 for unlimited)' },
  platform: { type: 'string', help: 'The platform whose image is meant (default: that of this host)' },
  privileged: { type: 'boolean', help: 'Give extended privileges to this container' },
  publish: { type: 'string', short: 'p', multiple: true, help: "Publish a container's port(s) to the host" },
  'publish-all': { type: 'boolean', short: 'P', help: 'Publish all exposed ports to random ports' },
  pull: {
    type: 'string',
    help: 'Pull image before running (always|missing|never) (default missing)',
    complete: ['always', 'missing', 'never'],
  },
  quiet: { type: 'boolean', short: 'q', help: 'Suppress the pull output' },
  'read-only': { type: 'boolean', help: "Mount the container's root filesystem as read only" },
  restart: { type: 'string', help: 'Restart policy to apply when a container exits (no)', complete: ['no'] },
  rm: { type: 'boolean', help: 'Automatically remove the container when it exits' },
  runtime: { type: 'string', help: 'Runtime to use for this container (crun|runc|path)', complete: ['crun', 'runc'] },
  'security-opt': {
    type: 'string',
    multiple: true,
    help: 'Security options (apparmor|seccomp|systempaths=unconfined, apparmor=PROFILE, seccomp=FILE, no-new-privileges)',
    complete: ['apparmor=unconfined', 'seccomp=unconfined', 'systempaths=unconfined', 'no-new-privileges'],
  },
  'shm-size': { type: 'string', value: 'bytes', help: 'Size of /dev/shm' },
  'stop-signal': { type: 'string', help: 'Signal to stop the container' },
  'stop-timeout': { type: 'string', value: 'int', help: 'Timeout (in seconds) to stop a container' },
  sysctl: { type: 'string', multiple: true, value: 'map', help: 'Sysctl options' },
  tmpfs: { type: 'string', multiple: true, help: 'Mount a tmpfs directory' },
  tty: { type: 'boolean', short: 't', help: 'Allocate a pseudo-TTY' },
  ulimit: { type: 'string', multiple: true, value: 'ulimit', help: 'Ulimit options' },
  user: { type: 'string', short: 'u', help: 'Username or UID (format: <name|uid>[:<group|gid>])' },
  uts: { type: 'string', help: 'UTS namespace to use (host)', complete: ['host'] },
  volume: { type: 'string', short: 'v', multiple: true, help: 'Bind mount a volume' },
  'volumes-from': {
    type: 'string',
    multiple: true,
    help: 'Mount volumes from the specified container(s)',
    complete: 'container',
  },
  workdir: { type: 'string', short: 'w', help: 'Working directory inside the container' },
} as const

/** Docker's other `run` flags: refused by name, never ignored. */
export const refusedContainerFlags: Readonly<Record<string, string>> = Object.fromEntries(
  [
    'annotation',
    'blkio-weight',
    'blkio-weight-device',
    'cgroup-parent',
    'cpu-count',
    'cpu-percent',
    'cpu-rt-period',
    'cpu-rt-runtime',
    'device-cgroup-rule',
    'device-read-bps',
    'device-read-iops',
    'device-write-bps',
    'device-write-iops',
    'gpus',
    'health-cmd',
    'health-interval',
    'health-retries',
    'health-start-interval',
    'health-start-period',
    'health-timeout',
    'ip',
    'ip6',
    'isolation',
    'link',
    'link-local-ip',
    'log-opt',
    'mac-address',
    'memory-swappiness',
    'oom-kill-disable',
    'storage-opt',
    'use-api-socket',
    'userns',
    'volume-driver',
  ].map((name) => [name, '']),
)

function pullPolicy(text: string): PullPolicy {
  if (text === 'always' || text === 'missing' || text === 'never') return text
  return fail('invalid_argument', `invalid pull option: ${JSON.stringify(text)}`, { hint: 'always, missing or never' })
}

/** The flags as the engine's options; `words` is the image and its command. */
export function containerOptions(
  values: Values<typeof containerFlags>,
  words: readonly string[],
  cwd: string = process.cwd(),
): ContainerOptions {
  const [image, ...command] = words
  return {
    image: image!,
    ...(values.pull === undefined ? {} : { pull: pullPolicy(values.pull) }),
    ...(values.platform === undefined ? {} : { platform: values.platform }),
    ...(command.length > 0 ? { command } : {}),
    ...identity(values),
    ...processOptions(values),
    ...networking(values),
    ...security(values),
    ...limits(values),
    ...(values['volumes-from'] && { volumesFrom: values['volumes-from'] }),
    mounts: [
      ...(values.volume ?? []).map((text) => parseVolume(text, cwd)),
      ...(values.mount ?? []).map((text) => parseMount(text, cwd)),
      ...(values.tmpfs ?? []).map(parseTmpfs),
    ],
  }
}

type Given = Values<typeof containerFlags>
type Part = Partial<ContainerOptions>

/** Nothing of ours runs that could start a container again. */
export function checkRestart(policy: string | undefined): void {
  if (policy && policy !== 'no')
    fail('unimplemented', `--restart ${policy} is not supported`, {
      hint: 'a systemd unit does it: ExecStart=cairn start -a NAME, ExecStop=cairn stop NAME, Restart=always',
    })
}

function identity(values: Given): Part {
  checkRestart(values.restart)
  const driver = values['log-driver']
  if (
    driver !== undefined &&
    driver !== 'k8s-file' &&
    driver !== 'none' &&
    driver !== 'json-file' &&
    driver !== 'local'
  )
    fail('unimplemented', `--log-driver ${driver} is not supported`, { hint: 'k8s-file (the default) or none' })
  return present({
    // Docker takes an empty name, as of an unset variable, for none.
    name: values.name || undefined,
    labels: pairs([...(values['label-file'] ?? []).flatMap((path) => lines(path)), ...(values.label ?? [])]),
    autoRemove: values.rm,
    runtime: values.runtime,
    logDriver: driver === undefined ? undefined : driver === 'none' ? 'none' : 'k8s-file',
    stopSignal: values['stop-signal'],
    stopTimeout: integer(values['stop-timeout'], '--stop-timeout', -1),
  })
}

function processOptions(values: Given): Part {
  return present({
    entrypoint: values.entrypoint === undefined ? undefined : values.entrypoint === '' ? [] : [values.entrypoint],
    env: environment(values.env ?? [], values['env-file'] ?? []),
    workdir: values.workdir,
    user: values.user,
    groups: values['group-add'],
    tty: values.tty,
    stdin: values.interactive,
    init: values.init,
    readonlyRoot: values['read-only'],
  })
}

function networking(values: Given): Part {
  const host = values.hostname || undefined
  if (host !== undefined && !/^[\w.-]+$/.test(host))
    fail('invalid_argument', `invalid hostname ${JSON.stringify(host)}`)
  return present({
    hostname: host,
    domainname: values.domainname,
    network: values.network === 'default' ? 'bridge' : values.network || undefined,
    aliases: values['network-alias'],
    ports: (values.publish ?? []).flatMap(parsePublish),
    publishAll: values['publish-all'],
    expose: values.expose?.flatMap(exposed),
    extraHosts: values['add-host']?.map(extraHost),
    dns: values.dns,
    dnsSearch: values['dns-search'],
    dnsOptions: values['dns-opt'] ? [...values['dns-opt'], ...(values['dns-option'] ?? [])] : values['dns-option'],
  })
}

function security(values: Given): Part {
  if (values.cgroupns !== undefined && values.cgroupns !== 'host' && values.cgroupns !== 'private')
    fail('invalid_argument', `invalid cgroup namespace ${JSON.stringify(values.cgroupns)}: host or private is meant`)
  return present({
    privileged: values.privileged,
    capAdd: values['cap-add'],
    capDrop: values['cap-drop'],
    securityOptions: values['security-opt'],
    ...devices(values.device),
    sysctls: values.sysctl ? pairs(values.sysctl.map(assigned)) : undefined,
    pid: values.pid?.startsWith('container:') ? values.pid : only(values.pid, '--pid', ['host', 'private']),
    ipc: only(values.ipc, '--ipc', ['host', 'private', 'shareable', 'none']),
    uts: only(values.uts, '--uts', ['host', 'private']),
    cgroupns: values.cgroupns,
  })
}

/** The flags that limit a container, which `update` takes as well. */
export type Limiting = Pick<
  Given,
  | 'memory'
  | 'memory-reservation'
  | 'memory-swap'
  | 'cpus'
  | 'cpu-shares'
  | 'cpu-period'
  | 'cpu-quota'
  | 'cpuset-cpus'
  | 'cpuset-mems'
  | 'pids-limit'
>

export function limitsAsked(values: Limiting): ResourceOptions {
  const swap = values['memory-swap']
  const resources: ResourceOptions = present({
    memory: bytes(values.memory, '--memory'),
    memoryReservation: bytes(values['memory-reservation'], '--memory-reservation'),
    memorySwap: swap === undefined ? undefined : swap === '-1' ? -1 : parseBytes(swap, '--memory-swap'),
    // Docker takes 0 for no limit.
    cpus: !values.cpus || Number(values.cpus) === 0 ? undefined : parseDecimal(values.cpus, '--cpus'),
    cpuShares: integer(values['cpu-shares'], '--cpu-shares', 0),
    cpuPeriod: integer(values['cpu-period'], '--cpu-period', 0),
    cpuQuota: integer(values['cpu-quota'], '--cpu-quota', -1),
    cpusetCpus: values['cpuset-cpus'],
    cpusetMems: values['cpuset-mems'],
    pidsLimit: integer(values['pids-limit'], '--pids-limit', -1),
  })
  if (resources.memory !== undefined && resources.memory > 0 && resources.memory < 6 * 1024 ** 2)
    fail('invalid_argument', 'minimum memory limit allowed is 6MB')
  if (resources.cpus !== undefined && (resources.cpuPeriod !== undefined || resources.cpuQuota !== undefined))
    fail('invalid_argument', 'conflicting options: --cpus cannot be used with --cpu-period or --cpu-quota')
  return resources
}

function limits(values: Given): Part {
  return present({
    resources: limitsAsked(values),
    shmSize: bytes(values['shm-size'], '--shm-size'),
    ulimits: values.ulimit?.map(parseUlimit),
    oomScoreAdj: integer(values['oom-score-adj'], '--oom-score-adj', -1000),
  })
}

/** Drops absent members: exactOptionalPropertyTypes tells absent from undefined. */
function present<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }
}

function bytes(text: string | undefined, flag: string): number | undefined {
  return text === undefined ? undefined : parseBytes(text, flag)
}

function integer(text: string | undefined, flag: string, low: number): number | undefined {
  return text === undefined ? undefined : parseInteger(text, flag, low)
}

function only(value: string | undefined, flag: string, known: readonly string[]): string | undefined {
  if (value !== undefined && !known.includes(value))
    fail('unimplemented', `${flag} ${value} is not supported`, { hint: `${known.join(', ')}` })
  return value === 'private' ? undefined : value
}

/** A kernel parameter has a value, which may be empty. */
function assigned(text: string): string {
  if (!text.includes('='))
    fail('invalid_argument', `invalid argument ${JSON.stringify(text)} for --sysctl: name=value is meant`)
  return text
}

function exposed(text: string): readonly string[] {
  const [, from, to = from, protocol = 'tcp'] = /^(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/.exec(text) ?? []
  const count = Number(to) - Number(from) + 1
  if (from === undefined || count < 1 || Number(to) > 65535)
    fail('invalid_argument', `invalid range format for --expose: ${text}`)
  return Array.from({ length: count }, (_, i) => `${Number(from) + i}/${protocol}`)
}

/** Those of this machine by their paths, those that a vendor describes by their CDI names. */
function devices(given: readonly string[] = []): Pick<Part, 'devices' | 'cdiDevices'> {
  const [named, paths] = [given.filter(isCdiName), given.filter((text) => !isCdiName(text))]
  return {
    ...(paths.length > 0 ? { devices: paths.map(parseDevice) } : {}),
    ...(named.length > 0 ? { cdiDevices: named } : {}),
  }
}

/** `vendor.com/class=name`. */
function isCdiName(text: string): boolean {
  return /^[A-Za-z][\w.-]*\/[A-Za-z][\w-]*=[\w.:*-]+$/.test(text)
}

function parseDevice(text: string): DeviceRequest {
  const [source = '', second, third] = text.split(':')
  const mode = /^[rwm]+$/.test(second ?? '') ? second : third
  const target = second === undefined || second === mode ? source : second
  if (!source.startsWith('/') || !target.startsWith('/') || (mode !== undefined && !/^[rwm]+$/.test(mode)))
    fail('invalid_argument', `bad format for device: ${JSON.stringify(text)}`, {
      hint: '/dev/x[:/dev/y[:rwm]] is meant',
    })
  return { source, target, permissions: mode ?? 'rwm' }
}
