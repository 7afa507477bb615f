import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fail, type Call, type LogProgress } from '#base'
import {
  buildSpec,
  cgroupPath,
  removeCgroups,
  resolveUser,
  type MountOption,
  type ResolvedUser,
  type RuntimeSpec,
} from '#runtime'
import { close, pipe, unmount } from '#sys'
import { digestData } from '../digest.ts'
import type { BuildHost, Op } from '../types.ts'
import type { RunDefinition, Stack } from './definition.ts'
import { addLayer, stackDep, stepStart, withStepDirectory, type StepEnvironment } from './step.ts'
import { mountWithStubs } from './stubs.ts'

/** The same on every machine, as a step can see it. */
const HOSTNAME = 'buildkitsandbox'

/** RUN: a process in a sandbox on a writable root; the layer is what it changed. */
export function runOp(def: RunDefinition, { host }: StepEnvironment): Op<Stack> {
  const { proxy: _, ...keyed } = def
  return {
    cacheMap: async () => ({ digest: digestData(keyed), deps: def.below ? [stackDep] : [] }),
    exec: ([below = []], call) =>
      withStepDirectory(host, async (dir) => {
        const root = await host.snapshots.prepare(dir, below, { volatile: true }, call)
        mountWithStubs(root, join(dir, 'stubs'))
        const started = stepStart()
        await runStep(def, host, dir, root.path, call)
        unmount(root.path, { lazy: true })
        const lower = root.mounts.flatMap((mount) => (mount.type === 'overlay' ? mount.lower : []))
        const times = def.epoch === undefined ? { clamp: 0, since: started } : { clamp: def.epoch }
        const tar = host.differ.compare(root.upper!, { ...times, lower }, call)
        return await addLayer(host, below, tar, call)
      }),
  }
}

async function runStep(def: RunDefinition, host: BuildHost, dir: string, rootfs: string, call?: Call): Promise<void> {
  const id = basename(dir)
  const bundle = join(dir, 'bundle')
  mkdirSync(bundle)
  await using network = await host.openNetwork(def.network, call)
  // Not /etc/hostname: a step may write the image's, as with BuildKit.
  const { hostname: _, ...files } = network.files
  const spec = buildSpec({
    rootfs,
    args: def.args,
    env: [...def.env, ...def.proxy],
    cwd: def.cwd,
    user: inOwnGroup(resolveUser(rootfs, def.user)),
    hostname: HOSTNAME,
    network: network.namespace,
    files,
    mounts: inlineFiles(def, dir),
    cgroupsPath: cgroupPath(id),
  })
  const { code } = await withOutput(call, async (stdout, stderr) => {
    try {
      return await host.runtime.run(
        id,
        { dir: bundle, spec: withoutHostname(spec) },
        { stdin: 'null', stdout, stderr },
        call,
      )
    } finally {
      // A runtime that is killed while it creates a container may leave its process behind.
      if (call?.signal?.aborted) await removeCgroups(cgroupPath(id))
    }
  })
  if (code !== 0)
    fail(
      'failed_precondition',
      `process ${JSON.stringify(def.args.join(' '))} did not complete successfully: exit code: ${code}`,
    )
}

/** A user's group is one of their groups, also where it was named: as BuildKit has it. */
function inOwnGroup(user: ResolvedUser): ResolvedUser {
  return { ...user, additionalGids: [...new Set([user.gid, ...user.additionalGids])] }
}

/** The kernel's host name is enough: BuildKit's steps have no HOSTNAME either, unless the image sets it. */
function withoutHostname(spec: RuntimeSpec): RuntimeSpec {
  const env = spec.process.env.filter((item) => item !== `HOSTNAME=${HOSTNAME}`)
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
