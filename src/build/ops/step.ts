import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join, posix } from 'node:path'
import { fail, type Call } from '#base'
import type { OpenedImage } from '#image'
import type { Digest } from '#oci'
import { cgroupPath, removeCgroups, type Runtime } from '#runtime'
import { applyMounts, enterPrivateMounts, inUserNamespace, mountPoints, unmount, type Mount } from '#sys'
import { digestData } from '../digest.ts'
import type { SshSource, StepOptions } from '../options/step.ts'
import type { Secrets } from '../secrets.ts'
import type { LocalTrees } from '../source/localtrees.ts'
import { SourceTree } from '../source/tree.ts'
import type { BuildHost, CacheDep, ResolvedSource } from '../types.ts'
import type { Definition, Stack } from './definition.ts'
import type { ContextCopy } from './mounts/types.ts'

/** What the ops of one build share. */
export interface StepEnvironment {
  readonly host: BuildHost
  /** Directories of this machine: the build context and the named ones, less what is ignored. */
  readonly trees: LocalTrees
  /** By manifest digest. */
  readonly images: ReadonlyMap<Digest, OpenedImage>
  readonly secrets: Secrets
  /** From now on no other process sees what the runtime knows of this build's steps. */
  readonly hideState: () => void
  readonly ssh: Readonly<Record<string, SshSource>>
  /** What steps run with and no key says. */
  readonly limits: StepLimits
  /** The directory for what is fetched, until it is a layer. */
  readonly scratch: () => string
  /** Copies of parts of contexts that steps have mounted to read. */
  readonly copies: Map<string, ContextCopy>
  /** Told of everything that came from outside, by what it turned out to be. */
  readonly resolved: (def: Definition, source: ResolvedSource) => void
}

/** What finding out a key takes of it. */
export type ContextTrees = Pick<StepEnvironment, 'trees'>

export type StepLimits = Pick<StepOptions, 'allow' | 'extraHosts' | 'cgroupParent' | 'resources' | 'onError'>

/** The stack below counts whole, by its diff IDs: the same layers are the same files. */
export const stackDep: CacheDep<Stack> = { contentDigest: async (stack) => digestData(stack) }

/** How a step's directory is called, and its container after it. */
const STEP = 'build-'

/** Runs `work` with a directory that is gone afterwards, whatever was mounted on `<dir>/rootfs` included. */
export async function withStepDirectory<T>(host: BuildHost, work: (dir: string) => Promise<T>): Promise<T> {
  // Not before something is to be mounted: a build that the cache answers does without.
  enterPrivateMounts()
  const dir = join(host.workDir, `${STEP}${crypto.randomUUID()}`)
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  try {
    return await work(dir)
  } finally {
    const rootfs = join(dir, 'rootfs')
    while (unmount(rootfs, { lazy: true }));
    rmSync(dir, { recursive: true, force: true })
  }
}

/** A read-only view of a stack. */
export async function withView<T>(
  host: BuildHost,
  stack: Stack,
  work: (view: SourceTree, path: string) => Promise<T>,
  call?: Call,
): Promise<T> {
  return await withStepDirectory(host, async (dir) => {
    const view = await host.snapshots.view(dir, stack, call)
    mountOnce(view.mounts)
    using tree = new SourceTree(view.path)
    return await work(tree, view.path)
  })
}

/** Read-only views of several stacks at once, in their order. */
export async function withViews<T>(
  host: BuildHost,
  stacks: readonly Stack[],
  work: (views: readonly SourceTree[]) => Promise<T>,
  call?: Call,
): Promise<T> {
  const [first, ...rest] = stacks
  if (!first) return await work([])
  return await withView(host, first, (view) => withViews(host, rest, (views) => work([view, ...views]), call), call)
}

/** Makes mounts; layers that this process has mounted already stay as they are. */
export function mountOnce(mounts: readonly Mount[]): void {
  const there = new Set(mountPoints())
  applyMounts(mounts.filter((mount) => mount.type === 'overlay' || !there.has(mount.target)))
}

/** Stores a step's layer over the stack below it, protected until the build has ended. */
export async function addLayer(
  host: BuildHost,
  below: Stack,
  tar: Parameters<BuildHost['layers']['create']>[0],
  call?: Call,
): Promise<Stack> {
  const layer = await host.layers.create(tar, call)
  host.lease.add(layer.diffId)
  return [...below, layer.diffId]
}

/** The time of what a build makes. */
export function madeTime(epoch: number | undefined): bigint {
  return BigInt(epoch ?? 0) * 1_000_000_000n
}

/** The time of what comes from a stage or archive: its own, unless an explicit epoch is earlier. */
export function keptTime(mtime: bigint, epoch: number | undefined): bigint {
  const limit = madeTime(epoch)
  return epoch !== undefined && mtime > limit ? limit : mtime
}

/** Seconds since the epoch: files later than this are a step's own. File systems' clocks lag behind by a tick. */
export function stepStart(): number {
  return Math.floor(Date.now() / 1000) - 1
}

/**
 * Ends what a killed build left in its `workDir`: containers that ran on, their control groups, files. For whoever
 * knows that the build's process is dead.
 */
export async function reapSteps(workDir: string, runtime: () => Promise<Runtime> | Runtime): Promise<void> {
  for (const name of readdirSync(workDir)) {
    if (!name.startsWith(STEP)) continue
    if (existsSync(join(workDir, name, 'bundle'))) {
      await (await runtime()).delete(name, { force: true })
      await removeCgroups(recordedCgroup(join(workDir, name)))
    }
    rmSync(join(workDir, name), { recursive: true, force: true })
  }
}

const CGROUP = 'cgroup'

/** The control group of a step, written down for whoever has to clean up after it where it is not found by its name. */
export function stepCgroup(dir: string, parent: string | undefined): string {
  const own = cgroupPath(basename(dir))
  if (parent === undefined) return own
  if (inUserNamespace())
    fail('unimplemented', '--cgroup-parent: control groups are root’s; those of a user lie where systemd puts them')
  const path = posix.join('/', parent, own)
  writeFileSync(join(dir, `${CGROUP}.new`), path)
  renameSync(join(dir, `${CGROUP}.new`), join(dir, CGROUP))
  return path
}

function recordedCgroup(dir: string): string {
  const file = join(dir, CGROUP)
  return existsSync(file) ? readFileSync(file, 'utf8') : cgroupPath(basename(dir))
}
