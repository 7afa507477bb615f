import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { checkCanceled, fail, type Call } from '#base'
import { close, errnoOf, kill, pipe } from '#sys'
import { encodeSpec } from '../bundle.ts'
import { runtimeEnvironment } from '../commandline.ts'
import type { RuntimeDriver } from '../driver.ts'
import { commandOf, startFailure } from '../failure.ts'
import { findProgram } from '../program.ts'
import { preflight } from '../preflight.ts'
import type { Bundle, ExecSession, Monitor, MonitorOptions, ProcessSpec, Runtime } from '../types.ts'
import { attach } from './attach.ts'
import { exitDir, readPid, waitExit } from './exit.ts'
import { readSync } from './sync.ts'

/** Creating takes tens of milliseconds; a machine in trouble gets this long. */
const CREATE_TIMEOUT_MS = 60_000

/** conmon over a runtime; `failed_precondition` with the cure when it is not installed. */
export function conmon(runtime: Runtime, program?: string): Monitor {
  const path = program ?? findProgram('conmon') ?? missing()
  const driver = runtime as RuntimeDriver
  return {
    create: (id, bundle, options, call) => create(path, driver, id, bundle, options, call),
    exec: (id, process, options, call) => exec(path, driver, id, process, options, call),
    attach,
    wait: waitExit,
    resize,
  }
}

function missing(): never {
  return fail('failed_precondition', 'conmon, the container monitor, is not installed', {
    hint: 'install it: apt-get install conmon',
  })
}

async function create(
  path: string,
  driver: RuntimeDriver,
  id: string,
  bundle: Bundle,
  options: MonitorOptions,
  call?: Call,
): Promise<{ pid: number; monitorPid: number }> {
  checkCanceled(call)
  const early = preflight(bundle.spec)
  if (early) throw early
  clean(options.dir)
  await driver.prepare({ dir: options.dir, spec: bundle.spec })
  const monitor = await spawnMonitor(
    path,
    [...common(driver, driver.creating(bundle.spec), id, options), '-u', id, ...exitCommand(options)],
    options.dir,
    options.keep === undefined ? {} : { keep: options.keep },
  )
  try {
    const pid = await startedPid(monitor, driver, commandOf(bundle.spec.process))
    // Only looked at now: a runtime killed half-way through creating leaves more than can be found.
    checkCanceled(call)
    return { pid, monitorPid: monitor.pid }
  } catch (error) {
    // Whatever was half made must not stand in the way of the next attempt.
    await driver.abandon(id, bundle.spec).catch(() => {})
    throw error
  } finally {
    close(monitor.sync)
  }
}

async function exec(
  path: string,
  driver: RuntimeDriver,
  id: string,
  process: ProcessSpec,
  options: MonitorOptions,
  call?: Call,
): Promise<ExecSession> {
  checkCanceled(call)
  await driver.confine(process)
  clean(options.dir)
  mkdirSync(options.dir, { recursive: true, mode: 0o700 })
  const spec = join(options.dir, 'process.json')
  writeFileSync(spec, encodeSpec(process), { mode: 0o600 })
  const args = [
    ...common(driver, driver.globals, id, options),
    '-u',
    options.name,
    '-e',
    '--exec-attach',
    '--exec-process-spec',
    spec,
  ]
  const attached = pipe()
  const go = pipe()
  const monitor = await spawnMonitor(path, [...args, ...exitCommand(options)], options.dir, { exec: { attached, go } })
  const end = (): void => void kill(monitor.pid, 9)
  try {
    if (!(await readSync(attached.read, CREATE_TIMEOUT_MS, end))) fail('unavailable', 'the container monitor died')
  } catch (error) {
    close(monitor.sync)
    close(go.write)
    throw error
  } finally {
    close(attached.read)
  }
  return execSession(monitor, go.write, driver, commandOf(process))
}

function execSession(monitor: Spawned, go: number, driver: RuntimeDriver, command: string): ExecSession {
  let open = true
  const finish = (): void => {
    if (open) for (const fd of [go, monitor.sync]) close(fd)
    open = false
  }
  // An end of the pipe would let it go as a byte does: one that is not wanted has to be killed first.
  const drop = (): void => {
    if (open) kill(monitor.pid, 9)
    finish()
  }
  return {
    monitorPid: monitor.pid,
    async start(call?: Call): Promise<number> {
      if (call?.signal?.aborted) drop()
      checkCanceled(call)
      try {
        writeSync(go, '\0')
        return await startedPid(monitor, driver, command)
      } finally {
        finish()
      }
    },
    [Symbol.dispose]: drop,
  }
}

/** What an earlier run left: its exit must not be taken for this one's. */
function clean(dir: string): void {
  for (const name of ['exit', 'attach', 'ctl', 'winsz', 'pidfile', 'conmon.pid']) {
    rmSync(join(dir, name), { recursive: true, force: true })
  }
  mkdirSync(exitDir(dir), { recursive: true, mode: 0o700 })
}

function common(driver: RuntimeDriver, globals: readonly string[], id: string, options: MonitorOptions): string[] {
  const { dir } = options
  const settings = {
    '--api-version': '1',
    '-c': id,
    '-n': options.name,
    '-r': driver.path,
    '-b': dir,
    '-p': join(dir, 'pidfile'),
    '-P': join(dir, 'conmon.pid'),
    '--persist-dir': exitDir(dir),
    '-l': options.logPath === '' ? 'none' : `k8s-file:${options.logPath}`,
    '--log-level': 'warning',
  }
  return [
    ...Object.entries(settings).flat(),
    '--full-attach',
    '--no-sync-log',
    ...globals.flatMap((argument) => ['--runtime-arg', argument]),
    ...(options.stdin ? ['-i'] : []),
    ...(options.terminal ? ['-t'] : []),
    ...(options.keepStdin ? ['--leave-stdin-open'] : []),
  ]
}

function exitCommand({ exitCommand: [program, ...args] }: MonitorOptions): string[] {
  if (program === undefined) return []
  return ['--exit-command', program, ...args.flatMap((argument) => ['--exit-command-arg', argument])]
}

interface Spawned {
  readonly pid: number
  /** conmon's messages. */
  readonly sync: number
}

interface ExecPipes {
  readonly attached: { readonly read: number; readonly write: number }
  readonly go: { readonly read: number; readonly write: number }
}

/** Its options are read with GLib, which refuses paths that the locale cannot spell. */
const UTF8 = { LC_ALL: 'C.UTF-8' }

/** Starts conmon, which puts itself into the background at once. */
async function spawnMonitor(
  path: string,
  args: readonly string[],
  dir: string,
  { exec: pipes, keep }: { readonly exec?: ExecPipes; readonly keep?: number },
): Promise<Spawned> {
  const sync = pipe()
  const start = pipes?.go ?? pipe()
  // It waits for this byte, so that it could be moved to another control group first.
  writeSync(start.write, '\0')
  if (!pipes) close(start.write)
  const log = openSync(join(dir, 'conmon.log'), 'w', 0o600)
  try {
    // It leaves an empty file `oom` in its working directory, which must not be the user's.
    const child = Bun.spawn([path, ...args], {
      cwd: dir,
      stdio: [
        'ignore',
        log,
        log,
        sync.write,
        start.read,
        ...(pipes ? [pipes.attached.write] : []),
        ...(keep === undefined ? [] : [keep]),
      ],
      env: {
        ...runtimeEnvironment(),
        ...UTF8,
        _OCI_SYNCPIPE: '3',
        _OCI_STARTPIPE: '4',
        ...(pipes && { _OCI_ATTACHPIPE: '5' }),
      },
    })
    const code = await child.exited
    const pid = readPid(join(dir, 'conmon.pid'))
    if (code === 0 && pid !== undefined) return { pid, sync: sync.read }
  } finally {
    for (const fd of [sync.write, start.read, log]) closeSync(fd)
    if (pipes) closeSync(pipes.attached.write)
  }
  close(sync.read)
  return fail('internal', `conmon: ${readFileSync(join(dir, 'conmon.log'), 'utf8').trim() || 'could not be started'}`)
}

async function startedPid(monitor: Spawned, driver: RuntimeDriver, command: string): Promise<number> {
  const end = (): void => void kill(monitor.pid, 9)
  const message = await readSync(monitor.sync, CREATE_TIMEOUT_MS, end)
  if (!message) fail('unavailable', 'the container monitor died before the container was created')
  if (message.data > 0) return message.data
  throw startFailure(driver.name, message.message ?? '', command)
}

/** Tells a container's terminal its size. A container that has gone has no terminal: nothing to do. */
function resize(dir: string, rows: number, columns: number): void {
  try {
    const fifo = openSync(join(dir, 'ctl'), O_WRONLY_NONBLOCK)
    try {
      writeSync(fifo, `1 ${rows} ${columns}\n`)
    } finally {
      closeSync(fifo)
    }
  } catch (error) {
    if (!['ENOENT', 'ENXIO', 'EPIPE'].includes(errnoOf(error) ?? '')) throw error
  }
}

const O_WRONLY_NONBLOCK = 0o4001
