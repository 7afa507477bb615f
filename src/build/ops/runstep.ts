import { mkdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fail, type Call, type LogProgress } from '#base'
import {
  removeCgroups,
  withCdiDevices,
  type Bundle,
  type CdiDevice,
  type Exit,
  type RuntimeSpec,
  type Stdio,
} from '#runtime'
import { close, pipe, unmount } from '#sys'
import type { BuildHost } from '../types.ts'
import type { RunDefinition, Stack } from './definition.ts'
import { afterError } from './onerror.ts'
import { devicePoints, stepDevices } from './devices.ts'
import { openMounts } from './mounts/mounts.ts'
import { privateDirectory } from './mounts/private.ts'
import type { Mounted } from './mounts/types.ts'
import { addLayer, stepCgroup, stepStart, withStepDirectory, type StepEnvironment } from './step.ts'
import { networkRequest, specOf } from './stepspec.ts'
import { checkRunnable } from './runnable.ts'
import { mountWithStubs } from './stubs.ts'

/** Runs the step; the stack with its layer. */
export async function execRun(
  def: RunDefinition,
  environment: StepEnvironment,
  { inputs, unchanged }: { readonly inputs: readonly Stack[]; readonly unchanged: (call?: Call) => void },
  call?: Call,
): Promise<Stack> {
  const { host } = environment
  checkRunnable(def.platform)
  const devices = stepDevices(def, environment.limits)
  return await withStepDirectory(host, async (dir) => {
    const below = def.below ? inputs[0]! : []
    const step = { dir, inputs: def.below ? inputs.slice(1) : inputs }
    await using mounted = await openMounts(def, environment, step, call)
    // What was copied for the mounts is what the key says.
    unchanged(call)
    const root = await host.snapshots.prepare(dir, below, { volatile: true }, call)
    mountWithStubs(root, join(dir, 'stubs'), [...mounted.points, ...devicePoints(devices)])
    const started = stepStart()
    await runStep(def, environment, { dir, rootfs: root.path, mounted, devices }, call)
    unmount(root.path, { lazy: true })
    const lower = root.mounts.flatMap((mount) => (mount.type === 'overlay' ? mount.lower : []))
    const times = def.epoch === undefined ? { clamp: 0, since: started } : { clamp: def.epoch }
    const tar = host.differ.compare(root.upper!, { ...times, lower }, call)
    return await addLayer(host, below, tar, call)
  })
}

interface ReadyStep {
  readonly dir: string
  readonly rootfs: string
  readonly mounted: Mounted
  readonly devices: readonly CdiDevice[]
}

async function runStep(def: RunDefinition, environment: StepEnvironment, step: ReadyStep, call?: Call): Promise<void> {
  const { host, limits } = environment
  const { dir } = step
  const bundle = join(dir, 'bundle')
  mkdirSync(bundle)
  await using cleanup = new AsyncDisposableStack()
  if (environment.secrets.any) {
    environment.hideState()
    privateDirectory(bundle, cleanup)()
  }
  const network = cleanup.use(await host.openNetwork(networkRequest(def, limits), call))
  const cgroup = stepCgroup(dir, limits.cgroupParent)
  const plain = specOf(def, step, { network, cgroup, resources: limits.resources })
  const spec = withCdiDevices(plain, step.devices)
  const run = (ran: RuntimeSpec, io: Stdio): Promise<Exit> => runIn(host, { dir: bundle, spec: ran }, io, call)
  const logged = (ran: RuntimeSpec): Promise<Exit> =>
    withOutput(call, (stdout, stderr) => run(ran, { stdin: 'null', stdout, stderr }))
  const { code } = await logged(spec)
  if (code === 0) return
  if (limits.onError) await afterError(limits.onError, { spec, run, logged }, call)
  fail(
    'failed_precondition',
    `process ${JSON.stringify(def.args.join(' '))} did not complete successfully: exit code: ${code}`,
  )
}

/** Runs a step's process; the directory of its bundle is in the step's own, which names it. */
async function runIn(host: BuildHost, bundle: Bundle, io: Stdio, call?: Call): Promise<Exit> {
  try {
    return await host.runtime.run(basename(dirname(bundle.dir)), bundle, io, call)
  } finally {
    // A runtime that is killed while it creates a container may leave its process behind.
    const { cgroupsPath } = bundle.spec.linux
    if (call?.signal?.aborted && cgroupsPath !== undefined) await removeCgroups(cgroupsPath)
  }
}

/** Gives a process two pipes and passes on what it writes; returns when both are at their end. */
async function withOutput<T>(call: Call | undefined, work: (stdout: number, stderr: number) => Promise<T>): Promise<T> {
  const streams = (['stdout', 'stderr'] as const).map((name) => ({ name, ...pipe() }))
  const reading = streams.map(({ name, read }) => pump(name, read, call))
  let result: T
  try {
    result = await work(streams[0]!.write, streams[1]!.write)
  } finally {
    for (const { write } of streams) close(write)
    await Promise.all(reading)
  }
  return result
}

async function pump(stream: LogProgress['stream'], fd: number, call: Call | undefined): Promise<void> {
  try {
    for await (const data of Bun.file(fd).stream())
      // The vertex is filled in on the way up.
      call?.progress?.({ kind: 'log', stream, data: data.slice() } as LogProgress)
  } finally {
    close(fd)
  }
}
