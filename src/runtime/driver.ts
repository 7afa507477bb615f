import { closeSync, readFileSync, writeSync } from 'node:fs'
import { basename, join } from 'node:path'
import { checkCanceled, CairnError, fail, type Call } from '#base'
import { inUserNamespace, memfd, openReadonlyExecutable } from '#sys'
import { encodeSpec, writeBundle, type Dialect } from './bundle.ts'
import { hideUnifiedCgroups } from './cgroup/hide.ts'
import { containerGroup } from './cgroup/mode.ts'
import { removeCgroups } from './cgroup/tree.ts'
import { commandOf, startFailure } from './failure.ts'
import { pendingConfig, type PendingConfig } from './pendingconfig.ts'
import { preflight } from './preflight.ts'
import type { Bundle, Exit, ProcessSpec, Runtime, RuntimeSpec, RuntimeState, Stdio, Stream } from './types.ts'

export interface DriverOptions {
  readonly name: string
  readonly path: string
  readonly run: string
}

/** What a monitor needs to call the runtime itself. */
export interface RuntimeDriver extends Runtime {
  /** Options that go before every command. */
  readonly globals: readonly string[]
  /** Writes config.json and makes the host ready for `create`. */
  prepare(bundle: Bundle): Promise<void>
  /** Removes whatever a failed or interrupted start left: state, processes, control groups. */
  abandon(id: string, spec: RuntimeSpec): Promise<void>
}

/** Drives a runtime by its command line, which crun and runc share. */
export function createDriver(options: DriverOptions): RuntimeDriver {
  const kind = basename(options.path)
  const root = join(options.run, 'runtime', kind)
  const dialect: Dialect = { compiledSeccomp: kind === 'crun', cache: join(options.run, 'seccomp') }
  const globals = ['--root', root, ...managerOf(kind)]
  const command = (...args: readonly string[]): Promise<Finished> => finish([options.path, ...globals, ...args])
  const must = async (id: string, ...args: readonly string[]): Promise<void> => {
    const { code, stderr } = await command(...args)
    if (code !== 0) throw complaint(kind, stderr, args[0] ?? '', id)
  }
  const logged = (log: string, args: readonly string[]): string[] => [
    options.path,
    ...globals,
    '--log',
    log,
    '--log-format=json',
    ...args,
  ]
  const abandon = async (id: string, spec: RuntimeSpec): Promise<void> => {
    await command('delete', '--force', id)
    if (spec.linux.cgroupsPath !== undefined) await removeCgroups(spec.linux.cgroupsPath)
  }
  const prepare = async (bundle: Bundle): Promise<void> => {
    await writeBundle(bundle, dialect)
    hideUnifiedCgroups()
  }

  return {
    name: options.name,
    path: options.path,
    stateDir: root,
    globals,
    prepare,
    abandon,

    async run(id, bundle, io, call): Promise<Exit> {
      checkCanceled(call)
      let spec: RuntimeSpec | undefined
      const write = async (): Promise<void> => {
        const made = typeof bundle.spec === 'function' ? await bundle.spec() : bundle.spec
        const early = preflight(made)
        if (early) throw early
        await prepare({ dir: bundle.dir, spec: made })
        spec = made
      }
      using config = kind === 'crun' && typeof bundle.spec === 'function' ? pendingConfig() : undefined
      if (!config) await write()
      const log = processFile(undefined)
      const from = config ? ['--config', config.path] : []
      const argv = logged('/proc/self/fd/3', ['run', '--bundle', bundle.dir, ...from, id])
      const stop = async (): Promise<boolean> => (await command('kill', id, '9')).code === 0
      const deliver = async (to: PendingConfig): Promise<void> => {
        await write()
        await to.deliver(join(bundle.dir, 'config.json'))
      }
      const feed = config && { feed: () => deliver(config) }
      const told = (): string => (spec ? commandOf(spec.process) : '')
      let killed = false
      try {
        const ended = await attend({ kind, argv, io, log, extra: [log], command: told, stop, ...feed }, call)
        killed = ended.killed
        return { code: ended.code }
      } finally {
        closeSync(log)
        // Killed, the runtime cannot clean up after itself: not while it creates, nor while its container runs.
        if (spec && (killed || call?.signal?.aborted)) await abandon(id, spec)
        else if (spec) await removeOuterGroup(spec)
      }
    },

    async start(id): Promise<void> {
      await must(id, 'start', id)
    },

    async state(id): Promise<RuntimeState | undefined> {
      const { code, stdout, stderr } = await command('state', id)
      if (code === 0) return parseState(stdout, kind)
      if (isUnknown(stderr)) return undefined
      throw complaint(kind, stderr, 'state', id)
    },

    async exec(id, process, io, call): Promise<Exit> {
      checkCanceled(call)
      const spec = processFile(process)
      const log = processFile(undefined)
      try {
        // Extra descriptors are numbered from 3 on, in the order given; the runtime closes them for the process.
        const argv = logged('/proc/self/fd/4', ['exec', '--process', '/proc/self/fd/3', id])
        const { code } = await attend(
          { kind, argv, io, log, extra: [spec, log], command: () => commandOf(process) },
          call,
        )
        return { code }
      } finally {
        closeSync(spec)
        closeSync(log)
      }
    },

    async kill(id, signal, { all = false } = {}): Promise<void> {
      await must(id, 'kill', ...(all ? ['--all'] : []), id, String(signal))
    },

    async pause(id): Promise<void> {
      await must(id, 'pause', id)
      // crun asks the kernel to freeze and does not wait until it has.
      for (let tries = 0; tries < FREEZE_TRIES && (await this.state(id))?.status === 'running'; tries++)
        await new Promise((resolve) => setTimeout(resolve, 5))
    },

    async resume(id): Promise<void> {
      await must(id, 'resume', id)
    },

    async delete(id, { force = false } = {}): Promise<void> {
      const { code, stderr } = await command('delete', ...(force ? ['--force'] : []), id)
      if (code !== 0 && !isUnknown(stderr)) throw complaint(kind, stderr, 'delete', id)
    },
  }
}

/** A runtime removes the group that it was told of, not the one above that. */
async function removeOuterGroup({ linux: { cgroupsPath } }: RuntimeSpec): Promise<void> {
  if (cgroupsPath !== undefined && containerGroup(cgroupsPath) !== cgroupsPath) await removeCgroups(cgroupsPath)
}

/** How a runtime is told who makes control groups: it, or in a user namespace nobody. */
function managerOf(kind: string): readonly string[] {
  if (kind === 'crun') return [`--cgroup-manager=${inUserNamespace() ? 'disabled' : 'cgroupfs'}`]
  return inUserNamespace() ? ['--rootless', 'true'] : []
}

interface Attended {
  readonly kind: string
  readonly argv: readonly string[]
  readonly io: Stdio
  /** Descriptor to which the runtime writes its own complaints. */
  readonly log: number
  /** Descriptors that the runtime gets, from 3 on. */
  readonly extra: readonly number[]
  readonly command: () => string
  /** Ends the container when the caller gives up; false when there is none yet. Then the runtime process is killed. */
  readonly stop?: () => Promise<boolean>
  /** Gives the runtime the config.json that it waits for. */
  readonly feed?: () => Promise<void>
}

/**
 * Runs the runtime in the foreground with the container's stdio, and tells its exit from the container's. `killed`
 * is said of the runtime itself, which ends with an exit code whatever ends the container.
 */
async function attend(what: Attended, call?: Call): Promise<{ code: number; killed: boolean }> {
  const stream = (value: Stream): number | 'ignore' => (value === 'null' ? 'ignore' : value)
  const { stdin, stdout, stderr } = what.io
  const [path = '', ...args] = what.argv
  using safe = what.kind === 'crun' ? openReadonlyExecutable(path) : undefined
  const child = Bun.spawn([safe?.path ?? path, ...args], {
    argv0: path,
    stdio: [stream(stdin), stream(stdout), stream(stderr), ...what.extra],
    // Out of our process group: what a terminal sends to that, the caller passes on, and once is enough.
    detached: what.stop !== undefined,
    env: safe ? { ...RUNTIME_ENV, ...SAFE_ALREADY } : RUNTIME_ENV,
  })
  let stopping: Promise<void> | undefined
  const abort = (): void => void (stopping ??= end(child, what.stop))
  call?.signal?.addEventListener('abort', abort, { once: true })
  if (call?.signal?.aborted) abort()
  try {
    if (what.feed) await fed(child, what.feed)
    const code = await child.exited
    await stopping
    checkCanceled(call)
    const said = code === 0 ? undefined : complaintIn(what.log)
    if (said !== undefined)
      throw isUnknown(said) ? unknown(what.kind, what.argv.at(-1)) : startFailure(what.kind, said, what.command())
    return { code, killed: child.signalCode !== null }
  } finally {
    call?.signal?.removeEventListener('abort', abort)
  }
}

/** A runtime that waits in vain for its config.json has made nothing yet. */
async function fed(child: Bun.Subprocess, feed: () => Promise<void>): Promise<void> {
  try {
    await feed()
  } catch (error) {
    child.kill(9)
    await child.exited
    throw error
  }
}

/** With the time that a look takes, about two seconds. */
const FREEZE_TRIES = 200

/** How long a runtime may take to get as far as a container that can be killed. */
const CREATE_MS = 10_000

/**
 * Ends the container as soon as there is one, and leaves the tidying to the runtime: killed half-way through
 * creating, it would leave processes that nobody knows of. Without a container the runtime itself is killed.
 */
async function end(child: Bun.Subprocess, stop: Attended['stop']): Promise<void> {
  const deadline = stop ? Date.now() + CREATE_MS : 0
  while (stop && child.exitCode === null && child.signalCode === null && Date.now() < deadline) {
    if (await stop()) return
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  child.kill(9)
}

/** Runtimes read little of the environment; a container's never comes from here. */
export const RUNTIME_ENV: Record<string, string> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
}

/**
 * crun executes itself a second time, from a read-only mount of its binary, so that no container can write to that
 * through `/proc/PID/exe`. Started from such a mount it does not have to, which takes 2 ms less; it looks for
 * itself whether the mount is read-only.
 */
const SAFE_ALREADY = { _LIBCONTAINER_CLONED_BINARY: '1' }

/** The last error that a runtime logged: JSON lines with `level` and `msg`. */
function complaintIn(log: number): string | undefined {
  try {
    for (const line of readFileSync(`/proc/self/fd/${log}`, 'utf8').trim().split('\n').reverse()) {
      if (!line) continue
      const { level, msg } = JSON.parse(line) as { level?: string; msg?: string }
      if (level === 'error' || level === 'fatal') return msg
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  return undefined
}

interface Finished {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

async function finish(argv: readonly string[]): Promise<Finished> {
  const child = Bun.spawn([...argv], { stdio: ['ignore', 'pipe', 'pipe'], env: RUNTIME_ENV })
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { code, stdout, stderr }
}

/** What crun and runc say of a container that they do not have. */
function isUnknown(said: string): boolean {
  return /container .*does not exist|error opening file .*status|cannot open directory .*no such file/i.test(said)
}

function unknown(kind: string, id = ''): CairnError {
  return new CairnError('not_found', `${kind} knows no such container: ${id}`)
}

/** Of a container that is not in the state that the verb needs. */
const WRONG_STATE =
  /not running|not paused|already paused|no such process|cannot \S+ a container|not created|stopped state/i

function complaint(kind: string, stderr: string, verb: string, id: string): CairnError {
  const said = stderr.trim().replace(/\s*\n\s*/g, '; ')
  if (isUnknown(stderr)) return unknown(kind, id)
  if (verb === 'start') return startFailure(kind, said, '')
  return new CairnError(WRONG_STATE.test(said) ? 'failed_precondition' : 'internal', `${kind} ${verb} ${id}: ${said}`)
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
