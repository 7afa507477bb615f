import { fail } from '#base'
import { FileType, lstat } from '#sys'
import { nodeOf as specNode } from '../spec/build.ts'
import { ruleFor, type Device } from '../spec/devices.ts'
import type { RuntimeSpec } from '../types.ts'
import type { CdiDevice, CdiMount, ContainerEdits, DeviceNode } from './read.ts'

/** A container's config.json with what its devices need. */
export function withCdiDevices(spec: RuntimeSpec, devices: readonly CdiDevice[]): RuntimeSpec {
  const edits = [...new Set(devices.flatMap((device) => device.edits))]
  return edits.reduce(edited, spec)
}

/** What devices mount, in the order of their files. */
export function cdiMounts(devices: readonly CdiDevice[]): readonly CdiMount[] {
  return devices.flatMap(({ edits }) => edits.flatMap(({ mounts }) => mounts))
}

function edited(spec: RuntimeSpec, edits: ContainerEdits): RuntimeSpec {
  const { process, linux } = spec
  const nodes = edits.deviceNodes.map((node) => nodeOf(node, process.user))
  const { resources } = linux
  return {
    ...spec,
    process: {
      ...process,
      env: overridden(process.env, edits.env),
      user: {
        ...process.user,
        additionalGids: [...new Set([...(process.user.additionalGids ?? []), ...edits.additionalGids])],
      },
    },
    mounts: [
      ...spec.mounts,
      ...edits.mounts.map(({ hostPath, containerPath, type = 'bind', options = ['bind', 'nosuid', 'nodev'] }) => ({
        destination: containerPath,
        source: hostPath,
        type,
        options: type === 'bind' && !options.includes('rbind') ? [...new Set(['bind', ...options])] : options,
      })),
    ],
    ...(edits.hooks.length > 0 ? { hooks: hooked(spec.hooks ?? {}, edits) } : {}),
    linux: {
      ...linux,
      ...(nodes.length > 0 ? { devices: [...(linux.devices ?? []), ...nodes.map(specNode)] } : {}),
      ...(resources
        ? { resources: { ...resources, devices: [...(resources.devices ?? []), ...nodes.map(ruleFor)] } }
        : {}),
    },
  }
}

function overridden(env: readonly string[], more: readonly string[]): string[] {
  const variables = new Map([...env, ...more].map((item) => [item.split('=', 1)[0], item]))
  return [...variables.values()]
}

function hooked(hooks: NonNullable<RuntimeSpec['hooks']>, edits: ContainerEdits): NonNullable<RuntimeSpec['hooks']> {
  const all: Record<string, readonly object[]> = { ...hooks }
  for (const { hookName, ...hook } of edits.hooks) all[hookName] = [...(all[hookName] ?? []), hook]
  return all
}

/** As it is on this machine, where the file does not say; root's become the user's. */
function nodeOf(node: DeviceNode, user: { readonly uid: number; readonly gid: number }): Device {
  const { path, hostPath = path, permissions: access = 'rwm' } = node
  const isWhole = node.type !== undefined && node.major !== undefined && node.minor !== undefined
  const stat = lstat(hostPath)
  if (!stat && !isWhole) fail('not_found', `there is no ${hostPath}, which the device needs`)
  const kind = (stat?.mode ?? 0) & FileType.mask
  const type = node.type ?? (kind === FileType.blockdev ? 'b' : kind === FileType.chardev ? 'c' : undefined)
  if (type !== 'b' && type !== 'c' && type !== 'u') return fail('invalid_argument', `${hostPath} is no device`)
  return {
    path,
    type: type === 'b' ? 'b' : 'c',
    major: node.major ?? stat!.rdevMajor,
    minor: node.minor ?? stat!.rdevMinor,
    fileMode: node.fileMode ?? (stat?.mode ?? 0o666) & 0o7777,
    uid: node.uid ?? user.uid,
    gid: node.gid ?? user.gid,
    access: access === '' ? 'rwm' : access,
  }
}
