import { posix } from 'node:path'
import { fail } from '#base'
import type { Descriptor, Digest, ImageConfig } from '#oci'
import type { PortRequest } from '#runtime'
import type { ContainerConfig, ContainerMount, ContainerOptions, MountRequest } from '../types.ts'

/** The image that a container is made of, as far as its configuration goes. */
export interface ImageFacts {
  readonly imageId: Digest
  readonly manifest: Descriptor
  readonly config: ImageConfig
}

export interface ResolveContext {
  readonly id: string
  /** Of the host, or of the container whose network is joined. */
  readonly hostHostname: string
  /** Mounts that come from other containers; what is asked for lies over them. */
  readonly inherited: readonly ContainerMount[]
  /** Where a named volume's files are; makes nothing. */
  volumePath(name: string): string
  newVolumeName(): string
}

/** What the image says and what the user asks, made one, by Docker's rules. Pure. */
export function resolveConfig(options: ContainerOptions, image: ImageFacts, context: ResolveContext): ContainerConfig {
  const defaults = image.config.config ?? {}
  const args = commandOf(options, image)
  const network = options.network ?? 'bridge'
  const exposed = [
    ...new Set([...Object.keys(defaults.ExposedPorts ?? {}).map(withProtocol), ...(options.expose ?? [])]),
  ]
  // An empty one, as of an unset variable, is none.
  const workdir = options.workdir || defaults.WorkingDir || '/'
  if (!workdir.startsWith('/'))
    fail('invalid_argument', `the working directory '${workdir}' is invalid, it needs to be an absolute path`)
  return {
    options,
    imageId: image.imageId,
    manifest: image.manifest,
    layers: image.config.rootfs.diff_ids,
    args,
    env: mergeEnv(defaults.Env ?? [], options.env ?? []),
    workdir: posix.normalize(workdir),
    user: options.user ?? defaults.User ?? '',
    hostname:
      options.hostname ??
      (network === 'host' || network.startsWith('container:') || options.uts === 'host'
        ? context.hostHostname
        : context.id.slice(0, 12)),
    labels: { ...defaults.Labels, ...options.labels },
    mounts: mountsOf(options.mounts ?? [], Object.keys(defaults.Volumes ?? {}), context),
    network,
    ports: portsOf(options, exposed),
    exposed,
    stopSignal: options.stopSignal ?? (defaults.StopSignal || 'SIGTERM'),
  }
}

/** Entrypoint and command: giving an entrypoint drops the image's command. */
function commandOf(options: ContainerOptions, image: ImageFacts): readonly string[] {
  const { Entrypoint, Cmd } = image.config.config ?? {}
  const entrypoint = options.entrypoint ?? Entrypoint ?? []
  const command = options.command ?? (options.entrypoint === undefined ? (Cmd ?? []) : [])
  const args = [...entrypoint, ...command]
  if (args.length === 0)
    fail('invalid_argument', `no command specified: ${options.image} has none of its own`, {
      hint: `cairn run ${options.image} COMMAND`,
    })
  return args
}

/** Later entries win; a bare NAME takes the variable away. */
export function mergeEnv(...lists: readonly (readonly string[])[]): readonly string[] {
  const merged = new Map<string, string>()
  for (const entry of lists.flat()) {
    const equals = entry.indexOf('=')
    if (equals < 0) merged.delete(entry)
    else merged.set(entry.slice(0, equals), entry)
  }
  return [...merged.values()]
}

function mountsOf(
  requests: readonly MountRequest[],
  imageVolumes: readonly string[],
  context: ResolveContext,
): readonly ContainerMount[] {
  const mounts = new Map<string, ContainerMount>()
  for (const request of requests) {
    const target = posix.normalize(request.target).replace(/(.)\/$/, '$1')
    if (mounts.has(target)) fail('invalid_argument', `duplicate mount point: ${target}`)
    mounts.set(target, mountOf(request, target, context))
  }
  for (const mount of context.inherited) if (!mounts.has(mount.target)) mounts.set(mount.target, mount)
  for (const volume of imageVolumes) {
    const target = posix.normalize(`/${volume}`).replace(/(.)\/$/, '$1')
    if (!mounts.has(target)) mounts.set(target, mountOf({ type: 'volume', target }, target, context))
  }
  return [...mounts.values()]
}

function mountOf(request: MountRequest, target: string, context: ResolveContext): ContainerMount {
  const common = {
    target,
    readonly: request.readonly === true,
    ...(request.propagation && { propagation: request.propagation }),
  }
  if (request.type === 'tmpfs')
    return { type: 'tmpfs', source: '', ...common, ...(request.tmpfsOptions && { tmpfsOptions: request.tmpfsOptions }) }
  if (request.type === 'bind')
    return {
      type: 'bind',
      source: posix.normalize(request.source ?? ''),
      ...common,
      ...(request.createSource && { createSource: true }),
    }
  const name = request.source ?? context.newVolumeName()
  return {
    type: 'volume',
    name,
    source: context.volumePath(name),
    ...common,
    ...(request.source === undefined && { anonymous: true }),
    ...(request.nocopy && { nocopy: true }),
  }
}

function portsOf(options: ContainerOptions, exposed: readonly string[]): readonly PortRequest[] {
  const ports = [...(options.ports ?? [])]
  if (!options.publishAll) return ports
  for (const text of exposed) {
    const [port, protocol] = text.split('/') as [string, PortRequest['protocol']]
    if (ports.some((other) => other.containerPort === Number(port) && other.protocol === protocol)) continue
    ports.push({ hostIp: '', hostPort: 0, containerPort: Number(port), protocol })
  }
  return ports
}

function withProtocol(port: string): string {
  return port.includes('/') ? port : `${port}/tcp`
}
