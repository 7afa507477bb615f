import { appArmorProfile, hostAppArmor, parseSecurityOptions } from '#runtime'
import type { Parts } from '../parts.ts'
import type { Paths } from '../paths.ts'
import type { Container, ContainerSize } from '../types.ts'
import { size as sizeOf } from './size.ts'
import { containerOf } from './table.ts'

export async function inspect(parts: Parts, ref: string, options: { readonly size?: boolean } = {}): Promise<object> {
  const record = parts.containers.find(ref)
  let container = containerOf(record)
  if (record.direct && record.state === 'running' && container.pid === undefined) {
    const state = await (await parts.runtime(record.config.options.runtime)).state(record.id)
    if (state) container = { ...container, pid: state.pid }
  }
  return inspectContainer(container, parts.paths, options.size ? await sizeOf(parts, record.id) : undefined)
}

/** A container in the shape of Docker's `inspect`: the members that people and programs read. */
function inspectContainer(container: Container, paths: Paths, size?: ContainerSize): object {
  const { config, id } = container
  const { options } = config
  const [path = '', ...args] = config.args
  return {
    Id: id,
    Created: time(container.created),
    Path: path,
    Args: args,
    State: state(container),
    Image: config.imageId,
    ResolvConfPath: `${paths.running(id)}/resolv.conf`,
    HostnamePath: `${paths.running(id)}/hostname`,
    HostsPath: `${paths.running(id)}/hosts`,
    LogPath: paths.log(id),
    Name: `/${container.name}`,
    RestartCount: 0,
    Driver: 'overlay',
    Platform: 'linux',
    AppArmorProfile: appArmor(container),
    HostConfig: hostConfig(container),
    GraphDriver: {
      Name: 'overlay',
      Data: { UpperDir: `${paths.container(id)}/upper`, WorkDir: `${paths.container(id)}/work` },
    },
    ...(size && { SizeRw: size.written, SizeRootFs: size.total }),
    Mounts: config.mounts.map((mount) => ({
      Type: mount.type,
      ...(mount.name === undefined ? {} : { Name: mount.name, Driver: 'local' }),
      Source: mount.source,
      Destination: mount.target,
      Mode: '',
      RW: !mount.readonly,
      Propagation: mount.propagation ?? (mount.type === 'bind' ? 'rprivate' : ''),
    })),
    Config: {
      Hostname: config.hostname,
      Domainname: options.domainname ?? '',
      User: config.user,
      AttachStdin: options.stdin === true && !options.detach,
      AttachStdout: !options.detach,
      AttachStderr: !options.detach,
      ExposedPorts: Object.fromEntries(
        [...config.exposed, ...config.ports.map((p) => `${p.containerPort}/${p.protocol}`)].map((port) => [port, {}]),
      ),
      Tty: options.tty === true,
      OpenStdin: options.stdin === true,
      StdinOnce: options.stdin === true && !options.detach,
      Env: config.env,
      Cmd: config.args,
      Image: container.image,
      Volumes: null,
      WorkingDir: config.workdir,
      Entrypoint: options.entrypoint ?? null,
      Labels: config.labels,
      StopSignal: config.stopSignal,
      ...(options.stopTimeout === undefined ? {} : { StopTimeout: options.stopTimeout }),
    },
    NetworkSettings: networkSettings(container),
  }
}

function state(container: Container): object {
  return {
    Status: container.state,
    Running: container.state === 'running' || container.state === 'paused',
    Paused: container.state === 'paused',
    Restarting: false,
    OOMKilled: container.oomKilled === true,
    Dead: false,
    Pid: container.pid ?? 0,
    ExitCode: container.exitCode ?? 0,
    Error: container.error ?? '',
    StartedAt: time(container.started),
    FinishedAt: time(container.finished),
  }
}

/** As Docker has it: known from the first start on, and empty where AppArmor is not enabled. */
function appArmor({ started, config: { options } }: Container): string {
  const host = hostAppArmor()
  if (!host.enabled || started === undefined) return ''
  const words = (options.securityOptions ?? []).filter((word) => word.startsWith('apparmor'))
  const { privileged = false } = options
  return appArmorProfile({ privileged, security: parseSecurityOptions(words) }, host) ?? ''
}

function hostConfig(container: Container): object {
  const { config } = container
  const { options } = config
  const { resources = {} } = options
  return {
    Binds: config.mounts
      .filter((mount) => mount.type === 'bind')
      .map((mount) => `${mount.source}:${mount.target}${mount.readonly ? ':ro' : ''}`),
    LogConfig: { Type: options.logDriver ?? 'k8s-file', Config: {} },
    NetworkMode: config.network,
    PortBindings: portMap(config.ports.map((port) => ({ ...port, hostIp: port.hostIp }))),
    RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
    AutoRemove: options.autoRemove === true,
    CapAdd: options.capAdd ?? null,
    CapDrop: options.capDrop ?? null,
    Dns: options.dns ?? [],
    DnsOptions: options.dnsOptions ?? [],
    DnsSearch: options.dnsSearch ?? [],
    ExtraHosts: options.extraHosts ?? null,
    GroupAdd: options.groups ?? null,
    IpcMode: options.ipc ?? 'private',
    PidMode: options.pid ?? '',
    UTSMode: options.uts ?? '',
    CgroupnsMode: options.cgroupns ?? 'private',
    OomScoreAdj: options.oomScoreAdj ?? 0,
    Privileged: options.privileged === true,
    PublishAllPorts: options.publishAll === true,
    ReadonlyRootfs: options.readonlyRoot === true,
    SecurityOpt: options.securityOptions ?? null,
    Tmpfs: Object.fromEntries(
      config.mounts.filter((m) => m.type === 'tmpfs').map((m) => [m.target, m.tmpfsOptions ?? '']),
    ),
    ShmSize: options.shmSize ?? 67108864,
    Sysctls: options.sysctls ?? {},
    Runtime: options.runtime ?? '',
    Init: options.init === true,
    NanoCpus: Math.round((resources.cpus ?? 0) * 1e9),
    CpuShares: resources.cpuShares ?? 0,
    CpuPeriod: resources.cpuPeriod ?? 0,
    CpuQuota: resources.cpuQuota ?? 0,
    CpusetCpus: resources.cpusetCpus ?? '',
    CpusetMems: resources.cpusetMems ?? '',
    Memory: resources.memory ?? 0,
    MemoryReservation: resources.memoryReservation ?? 0,
    MemorySwap: resources.memorySwap ?? (resources.memory === undefined ? 0 : resources.memory * 2),
    PidsLimit: resources.pidsLimit ?? null,
    Ulimits: (options.ulimits ?? []).map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
    Devices: (options.devices ?? []).map((device) => ({
      PathOnHost: device.source,
      PathInContainer: device.target,
      CgroupPermissions: device.permissions,
    })),
    DeviceRequests: options.cdiDevices
      ? [{ Driver: 'cdi', Count: 0, DeviceIDs: options.cdiDevices, Capabilities: null, Options: null }]
      : null,
  }
}

function networkSettings(container: Container): object {
  const { attached, config } = container
  const network = {
    IPAddress: attached?.ipv4 ?? '',
    IPPrefixLen: attached?.ipv4 === undefined ? 0 : (attached.prefix ?? 0),
    Gateway: attached?.gateway ?? '',
    GlobalIPv6Address: attached?.ipv6 ?? '',
    MacAddress: attached?.mac ?? '',
  }
  return {
    Ports: portMap(attached?.ports ?? []),
    ...network,
    Networks: {
      [config.network]: { NetworkID: attached?.networkId ?? '', Aliases: config.options.aliases ?? null, ...network },
    },
  }
}

function portMap(
  ports: readonly {
    readonly containerPort: number
    readonly protocol: string
    readonly hostIp: string
    readonly hostPort: number
  }[],
): Record<string, object[]> {
  const map: Record<string, object[]> = {}
  for (const port of ports) {
    const key = `${port.containerPort}/${port.protocol}`
    const hosts = port.hostIp === '' ? ['0.0.0.0', '::'] : [port.hostIp]
    const bindings = (map[key] ??= [])
    for (const host of hosts)
      bindings.push({ HostIp: host, HostPort: port.hostPort === 0 ? '' : String(port.hostPort) })
  }
  return map
}

/** Docker's zero time for what has not happened. */
function time(milliseconds: number | undefined): string {
  return milliseconds === undefined ? '0001-01-01T00:00:00Z' : new Date(milliseconds).toISOString()
}
