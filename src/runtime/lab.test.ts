/** Real containers for tests: a busybox root, a place for run state, and proof that nothing is left. Holds no test. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { busyboxRootfs, lacking, must, needsRoot, run, skipReason, tempDir, type RunOptions } from '#testkit'
import type { Scenario, Step } from './scenario.test.ts'
import type { SpecOptions } from './spec/types.ts'

export const runtimes = ['crun', 'runc'] as const

/** Why containers cannot be run here, printed once. */
export const cannotRun: boolean = skipReason('containers', needsRoot(), lacking('crun', 'runc', 'conmon', 'busybox'))

export interface Outcome {
  readonly results: readonly unknown[]
  readonly stdout: string
  readonly stderr: string
  readonly log: string
}

export interface Lab {
  readonly rootfs: string
  readonly run: string
  /** Does the steps to a fresh container of `runtime`. */
  perform(
    runtime: string,
    spec: Partial<SpecOptions> & { args: readonly string[] },
    steps: readonly Step[],
    options?: RunOptions,
  ): Promise<Outcome>
  /** Throws for anything that is still there: processes, mounts, control groups, runtime state. */
  check(): void
  /** Checks, and removes the lab. */
  close(): void
}

export async function openLab(): Promise<Lab> {
  const dir = tempDir()
  const rootfs = join(dir.path, 'rootfs')
  const runDir = join(dir.path, 'run')
  mkdirSync(rootfs)
  mkdirSync(runDir)
  await must(['tar', '-xf', await busyboxRootfs(), '-C', rootfs])
  const prefix = `t${process.pid}-${Date.now().toString(36)}-`
  let count = 0
  const check = (): void => {
    // The monitor of a container that was ended goes by itself: on a busy machine a little later than we look.
    const until = performance.now() + 5000
    let left = leftovers(dir.path, prefix, runDir)
    for (; left.length > 0 && performance.now() < until; left = leftovers(dir.path, prefix, runDir)) Bun.sleepSync(20)
    if (left.length > 0) throw new Error(`left behind:\n${left.join('\n')}`)
  }
  return {
    rootfs,
    run: runDir,
    async perform(runtime, spec, steps, options) {
      const id = `${prefix}${count++}`
      const scenario: Scenario = { runtime, run: runDir, dir: join(runDir, id), id, spec: { rootfs, ...spec }, steps }
      const [input, output] = [join(runDir, `${id}.in`), join(runDir, `${id}.out`)]
      writeFileSync(input, JSON.stringify(scenario))
      const program = [process.execPath, join(import.meta.dir, 'scenario.test.ts'), input, output]
      const ran = await run(program, { timeoutMs: 60_000, ...options, env: { CAIRN_SCENARIO: '1', ...options?.env } })
      if (!existsSync(output)) throw new Error(`the scenario died (${ran.code}): ${ran.stderr}`)
      const log = join(runDir, `${id}.log`)
      return {
        results: JSON.parse(readFileSync(output, 'utf8')) as unknown[],
        stdout: ran.stdout,
        stderr: ran.stderr,
        log: existsSync(log) ? readFileSync(log, 'utf8') : '',
      }
    },
    check,
    close() {
      try {
        check()
      } finally {
        rmSync(dir.path, { recursive: true, force: true })
      }
    },
  }
}

function leftovers(dir: string, prefix: string, runDir: string): string[] {
  const processes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => ({ pid, line: readOr(`/proc/${pid}/cmdline`).replaceAll('\0', ' ') }))
    .filter(({ line }) => line.includes(prefix))
    .map(({ pid, line }) => `process ${pid}: ${line}`)
  const mounts = readOr('/proc/self/mountinfo')
    .split('\n')
    .filter((line) => line.includes(dir))
  const groups = ['', ...readdirSync('/sys/fs/cgroup')]
    .map((hierarchy) => join('/sys/fs/cgroup', hierarchy))
    .flatMap((hierarchy) =>
      list(hierarchy)
        .filter((name) => name.includes(prefix))
        .map((name) => join(hierarchy, name)),
    )
  const states = list(join(runDir, 'runtime')).flatMap((name) =>
    list(join(runDir, 'runtime', name)).map((id) => `state ${name}/${id}`),
  )
  return [...processes, ...mounts, ...groups, ...states]
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // a process that ended meanwhile
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return [] // no directory
  }
}
