import { fail } from '#base'
import {
  buildSpec,
  cgroupPath,
  devicesAt,
  directoryMode,
  findCdiDevices,
  findInit,
  parseSecurityOptions,
  placeIn,
  resolveUser,
  withCdiDevices,
  type MountOption,
  type NetworkFilePaths,
  type RuntimeSpec,
} from '#runtime'
import { windowSize } from '#sys'
import type { CallerIo, ContainerMount } from '../types.ts'
import type { ContainerRecord } from './table.ts'

/** What is known only when a container starts. */
export interface SpecContext {
  readonly rootfs: string
  readonly network: { readonly path: string } | 'host' | 'none'
  /** The PID namespace of another container. */
  readonly pid?: { readonly path: string } | undefined
  readonly files: NetworkFilePaths
  readonly io?: CallerIo | undefined
}

/** A container's config.json. */
export function specOf(record: ContainerRecord, context: SpecContext): RuntimeSpec {
  const { config, id } = record
  const { options } = config
  const targets = config.mounts.map(({ target }) => target)
  const terminal = context.io?.terminal
  const size = terminal && windowSize(terminal.fd)
  const spec = buildSpec({
    rootfs: context.rootfs,
    args: config.args,
    env: config.env,
    cwd: placeIn(context.rootfs, config.workdir, targets),
    user: resolveUser(context.rootfs, config.user, options.groups),
    hostname: config.hostname,
    network: context.network,
    files: context.files,
    mounts: config.mounts.map((mount) => mountOption(context.rootfs, mount, targets)),
    cgroupsPath: cgroupPath(id),
    security: parseSecurityOptions(options.securityOptions ?? []),
    ...(size && { consoleSize: size }),
    ...(options.readonlyRoot && { readonlyRootfs: true }),
    ...(options.tty && { tty: true }),
    ...(options.domainname !== undefined && { domainname: options.domainname }),
    ...(options.pid === 'host' && { pid: 'host' }),
    ...(context.pid && { pid: context.pid }),
    ...(options.ipc === 'host' && { ipc: 'host' }),
    ...(options.ipc === 'none' && { shm: false }),
    ...(options.uts === 'host' && { uts: 'host' }),
    ...(options.cgroupns && { cgroupns: options.cgroupns }),
    ...(options.shmSize !== undefined && { shmSize: options.shmSize }),
    ...(options.privileged && { privileged: true }),
    ...(options.capAdd && { capAdd: options.capAdd }),
    ...(options.capDrop && { capDrop: options.capDrop }),
    ...(options.devices && {
      devices: options.devices.flatMap(({ source, target, permissions }) => devicesAt(source, target, permissions)),
    }),
    ...(options.sysctls && { sysctls: options.sysctls }),
    ...(options.ulimits && { ulimits: options.ulimits }),
    ...(options.resources && { resources: options.resources }),
    ...(options.oomScoreAdj !== undefined && { oomScoreAdj: options.oomScoreAdj }),
    ...(options.init && { init: findInit() }),
  })
  const { cdiDevices = [] } = options
  return cdiDevices.length === 0 ? spec : withCdiDevices(spec, findCdiDevices(cdiDevices.map((name) => ({ name }))))
}

function mountOption(rootfs: string, mount: ContainerMount, targets: readonly string[]): MountOption {
  const others = targets.filter((other) => other !== mount.target)
  const target = placeIn(rootfs, mount.target, others)
  if (mount.type === 'tmpfs') return tmpfsOption(rootfs, mount, target)
  if (mount.source === '') fail('internal', `mount ${mount.target} has no source`)
  return {
    type: 'bind',
    source: mount.source,
    target,
    readonly: mount.readonly,
    ...(mount.propagation !== undefined && { propagation: mount.propagation }),
  }
}

/** Over a directory of the image, a tmpfs has its permissions: /run stays 755, /tmp 1777. */
function tmpfsOption(rootfs: string, { tmpfsOptions = '', readonly }: ContainerMount, target: string): MountOption {
  const mode = /(?:^|,)mode=/.test(tmpfsOptions) ? undefined : directoryMode(rootfs, target)
  const options = [tmpfsOptions, mode === undefined ? '' : `mode=${mode.toString(8)}`].filter(Boolean).join(',')
  return { type: 'tmpfs', target, readonly, ...(options !== '' && { options }) }
}
