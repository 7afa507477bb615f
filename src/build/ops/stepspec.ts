import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import {
  buildSpec,
  resolveUser,
  type MountOption,
  type ResolvedUser,
  type ResourceOptions,
  type RuntimeSpec,
} from '#runtime'
import type { BuildNetwork, NetworkRequest } from '../types.ts'
import type { RunDefinition } from './definition.ts'
import type { Mounted } from './mounts/types.ts'
import type { StepLimits } from './step.ts'

/** The same on every machine, as a step can see it. */
const HOSTNAME = 'buildkitsandbox'

/** The network that a step asks for. */
export function networkRequest(def: RunDefinition, { extraHosts = [] }: StepLimits): NetworkRequest {
  return { mode: def.network, hostname: def.hostname ?? HOSTNAME, extraHosts }
}

/** What only this run of the step knows. */
interface Surroundings {
  readonly network: BuildNetwork
  readonly cgroup: string
  readonly resources: ResourceOptions | undefined
}

/** A step's config.json: Docker's sandbox, unless it may do without. */
export function specOf(
  def: RunDefinition,
  step: { readonly dir: string; readonly rootfs: string; readonly mounted: Mounted },
  { network, cgroup, resources }: Surroundings,
): RuntimeSpec {
  const { dir, rootfs, mounted } = step
  // Not /etc/hostname: a step may write the image's, as with BuildKit.
  const { hostname: _, ...files } = network.files
  const hostname = def.hostname ?? HOSTNAME
  const spec = buildSpec({
    rootfs,
    args: def.args,
    env: [...mounted.env.filter(isAgent), ...def.env, ...def.proxy, ...mounted.env.filter((item) => !isAgent(item))],
    cwd: def.cwd,
    user: inOwnGroup(resolveUser(rootfs, def.user)),
    hostname,
    network: network.namespace,
    files,
    mounts: [...inlineFiles(def, dir), ...mounted.mounts],
    cgroupsPath: cgroup,
    ...(def.insecure ? { privileged: true } : {}),
    ...(def.shmSize === undefined ? {} : { shmSize: def.shmSize }),
    ...(def.ulimits ? { ulimits: def.ulimits } : {}),
    ...(resources ? { resources } : {}),
  })
  return withoutHostname(spec, hostname)
}

/** A user's group is one of their groups, also where it was named: as BuildKit has it. */
function inOwnGroup(user: ResolvedUser): ResolvedUser {
  return { ...user, additionalGids: [...new Set([user.gid, ...user.additionalGids])] }
}

/** The image's own SSH_AUTH_SOCK goes before ours; a secret goes before everything. */
function isAgent(item: string): boolean {
  return item.startsWith('SSH_AUTH_SOCK=')
}

/** The kernel's host name is enough: BuildKit's steps have no HOSTNAME either, unless the image sets it. */
function withoutHostname(spec: RuntimeSpec, hostname: string): RuntimeSpec {
  const env = spec.process.env.filter((item) => item !== `HOSTNAME=${hostname}`)
  return { ...spec, process: { ...spec.process, env } }
}

/** Files from the Dockerfile, in directories that the step finds at their places and its root does not have. */
function inlineFiles(def: RunDefinition, dir: string): MountOption[] {
  const sources = new Map<string, string>()
  for (const { path, mode, text } of def.files) {
    const target = dirname(path)
    const source = sources.get(target) ?? mkdtempSync(join(dir, 'inline-'))
    sources.set(target, source)
    // Seen from inside, by whatever user the step runs as.
    chmodSync(source, 0o755)
    writeFileSync(join(source, basename(path)), text)
    chmodSync(join(source, basename(path)), mode)
  }
  return [...sources].map(([target, source]) => ({ type: 'bind', source, target, readonly: true }))
}
