import { closeSync, writeSync } from 'node:fs'
import { basename, join } from 'node:path'
import { checkCanceled, fail, type Call } from '#base'
import { memfd } from '#sys'
import { loadDefaultProfile } from './apparmor/load.ts'
import { DEFAULT_PROFILE } from './apparmor/profile.ts'
import { attend } from './attend.ts'
import { encodeSpec, writeBundle, type Dialect } from './bundle.ts'
import { hideUnifiedCgroups } from './cgroup/hide.ts'
import { containerGroup } from './cgroup/mode.ts'
import { removeCgroups } from './cgroup/tree.ts'
import { CommandLine } from './commandline.ts'
import { complaint, isUnknown } from './complaint.ts'
import { commandOf } from './failure.ts'
import { pendingConfig, type PendingConfig } from './pendingconfig.ts'
import { preflight } from './preflight.ts'
import type { ResourceSpec, Bundle, Exit, ProcessSpec, Runtime, RuntimeSpec, RuntimeState, Stdio } from './types.ts'

export interface DriverOptions {
  readonly name: string
  readonly path: string
  readonly run: string
}

/** What a monitor needs to call the runtime itself. */
export interface RuntimeDriver extends Runtime {
  /** Options that go before every command but those that make a container. */
  readonly globals: readonly string[]
  /** Options that go before a command that makes this container. */
  creating(spec: RuntimeSpec): readonly string[]
  /** Writes config.json and makes the host ready for `create`. */
  prepare(bundle: Bundle): Promise<void>
  /** Makes sure that the profile is loaded which confines a process. */
  confine(process: ProcessSpec): Promise<void>
  /** Removes whatever a failed or interrupted start left: state, processes, control groups. */
  abandon(id: string, spec: RuntimeSpec): Promise<void>
}

/** Drives a runtime by its command line, which crun and runc share. */
export function createDriver(options: DriverOptions): RuntimeDriver {
  const stateDir = join(options.run, 'runtime', basename(options.path))
  const line = new CommandLine(options.path, stateDir)
  const dialect: Dialect = { compiledSeccomp: line.kind === 'crun', cache: join(options.run, 'seccomp') }
  const confine = async ({ apparmorProfile }: ProcessSpec): Promise<void> => {
    if (apparmorProfile === DEFAULT_PROFILE) await loadDefaultProfile(options.run)
  }
  const host: Host = {
    async prepare(bundle) {
      await confine(bundle.spec.process)
      await writeBundle(bundle, dialect)
      hideUnifiedCgroups()
    },
    async abandon(id, { linux: { cgroupsPath } }) {
      await line.call('delete', '--force', id)
      if (cgroupsPath !== undefined) await removeCgroups(cgroupsPath)
    },
  }
  return {
    name: options.name,
    path: options.path,
    stateDir,
    globals: line.globals,
    creating: ({ linux }) => line.creating(linux.cgroupsPath !== undefined),
    ...host,
    confine,
    run: (id, bundle, io, call) => runContainer(line, host, { id, bundle, io }, call),
    async exec(id, process, io, call) {
      await confine(process)
      return await execProcess(line, { id, process, io }, call)
    },
    start: (id) => line.must(id, 'start', id),
    state: (id) => stateOf(line, id),
    kill: (id, signal, { all = false } = {}) => line.must(id, 'kill', ...(all ? ['--all'] : []), id, String(signal)),
    pause: (id) => pause(line, id),
    resume: (id) => line.must(id, 'resume', id),
    update: (id, resources) => update(line, id, resources),

    async delete(id, { force = false } = {}): Promise<void> {
      const { code, stderr } = await line.call('delete', ...(force ? ['--force'] : []), id)
      if (code !== 0 && !isUnknown(stderr)) throw complaint(line.kind, stderr, 'delete', id)
    },
  }
}

/** What a container asks of this host besides the runtime. */
type Host = Pick<RuntimeDriver, 'prepare' | 'abandon'>

interface ContainerRun {
  readonly id: string
  readonly bundle: Parameters<Runtime['run']>[1]
  readonly io: Stdio
}

async function runContainer(
  line: CommandLine,
  host: Host,
  { id, bundle, io }: ContainerRun,
  call?: Call,
): Promise<Exit> {
  checkCanceled(call)
  const { kind } = line
  let spec: RuntimeSpec | undefined
  const write = async (): Promise<void> => {
    const made = typeof bundle.spec === 'function' ? await bundle.spec() : bundle.spec
    const early = preflight(made)
    if (early) throw early
    await host.prepare({ dir: bundle.dir, spec: made })
    spec = made
  }
  using config = kind === 'crun' && typeof bundle.spec === 'function' ? pendingConfig() : undefined
  if (!config) await write()
  const log = processFile(undefined)
  const from = config ? ['--config', config.path] : []
  const grouped = 'grouped' in bundle ? bundle.grouped : bundle.spec.linux.cgroupsPath !== undefined
  const argv = line.logged('/proc/self/fd/3', ['run', '--bundle', bundle.dir, ...from, id], line.creating(grouped))
  const stop = async (): Promise<boolean> => (await line.call('kill', id, '9')).code === 0
  const deliver = async (to: PendingConfig): Promise<void> => {
    await write()
    await to.deliver(join(bundle.dir, 'config.json'))
  }
  const feed = config && { feed: () => deliver(config) }
  const command = (): string => (spec ? commandOf(spec.process) : '')
  let killed = false
  try {
    const ended = await attend({ kind, argv, io, log, extra: [log], command, stop, ...feed }, call)
    killed = ended.killed
    return { code: ended.code }
  } finally {
    closeSync(log)
    // Killed, the runtime cannot clean up after itself: not while it creates, nor while its container runs.
    if (spec && (killed || call?.signal?.aborted)) await host.abandon(id, spec)
    else if (spec) await removeOuterGroup(spec)
  }
}

interface ProcessRun {
  readonly id: string
  readonly process: ProcessSpec
  readonly io: Stdio
}

async function execProcess(line: CommandLine, { id, process, io }: ProcessRun, call?: Call): Promise<Exit> {
  checkCanceled(call)
  const spec = processFile(process)
  const log = processFile(undefined)
  try {
    // Extra descriptors are numbered from 3 on, in the order given; the runtime closes them for the process.
    const argv = line.logged('/proc/self/fd/4', ['exec', '--process', '/proc/self/fd/3', id])
    const { code } = await attend(
      { kind: line.kind, argv, io, log, extra: [spec, log], command: () => commandOf(process) },
      call,
    )
    return { code }
  } finally {
    closeSync(spec)
    closeSync(log)
  }
}

async function stateOf(line: CommandLine, id: string): Promise<RuntimeState | undefined> {
  const { code, stdout, stderr } = await line.call('state', id)
  if (code === 0) return parseState(stdout, line.kind)
  if (isUnknown(stderr)) return undefined
  throw complaint(line.kind, stderr, 'state', id)
}

/** By a file: `--resources -` is not every runtime's. */
async function update(line: CommandLine, id: string, resources: ResourceSpec): Promise<void> {
  hideUnifiedCgroups()
  const file = memfd('cairn-update')
  try {
    writeSync(file, JSON.stringify(resources))
    await line.must(id, 'update', '--resources', `/proc/${process.pid}/fd/${file}`, id)
  } finally {
    closeSync(file)
  }
}

/** With the time that a look takes, about two seconds. */
const FREEZE_TRIES = 200

async function pause(line: CommandLine, id: string): Promise<void> {
  await line.must(id, 'pause', id)
  // crun asks the kernel to freeze and does not wait until it has.
  for (let tries = 0; tries < FREEZE_TRIES && (await stateOf(line, id))?.status === 'running'; tries++)
    await new Promise((resolve) => setTimeout(resolve, 5))
}

/** A runtime removes the group that it was told of, not the one above that. */
async function removeOuterGroup({ linux: { cgroupsPath } }: RuntimeSpec): Promise<void> {
  if (cgroupsPath !== undefined && containerGroup(cgroupsPath) !== cgroupsPath) await removeCgroups(cgroupsPath)
}

function parseState(json: string, kind: string): RuntimeState {
  const { id, status, pid } = JSON.parse(json) as Partial<RuntimeState>
  if (!id || !status) fail('internal', `${kind} state answered something unexpected: ${json.slice(0, 200)}`)
  return { id, status, pid: pid ?? 0 }
}

/** A file in memory: config for an `exec`, or a place for its log. */
function processFile(process: ProcessSpec | undefined): number {
  const fd = memfd('cairn-exec')
  if (process) writeSync(fd, encodeSpec(process))
  return fd
}
