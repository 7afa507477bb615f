/**
 * What tests do with real containers, done in a process of its own: entering a private mount
 * namespace is for life. Called by {@link lab}; as a test file it holds no test.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CairnError, type Call } from '#base'
import { enterPrivateMounts, kill, pipe, processEnd, processStartTime } from '#sys'
import { CGROUP_ROOT, cgroupMode } from './cgroup/mode.ts'
import { cgroupProcesses } from './cgroup/tree.ts'
import { StartFailure } from './failure.ts'
import { buildSpec, cgroupPath, conmon, findRuntime, readExit, removeCgroups, type Attachment } from './index.ts'
import type { SpecOptions } from './spec/types.ts'

/** One thing done to the container; its answer, or `{ error }`, is in the results at the same place. */
export type Step =
  | readonly ['run', { readonly abortAfterMs?: number; readonly pending?: 'made' | 'refused' }?]
  | readonly ['create', { readonly exitCommand?: readonly string[]; readonly abortAfterMs?: number }?]
  | readonly ['attach']
  | readonly [
      'start' | 'state' | 'pause' | 'resume' | 'recorded' | 'closed' | 'wait' | 'ended' | 'processes' | 'removeCgroups',
    ]
  | readonly ['exec', readonly string[]]
  | readonly ['session', readonly string[], { readonly rows: number; readonly columns: number }?]
  | readonly ['kill', number, boolean?]
  | readonly ['delete', boolean?]
  | readonly ['resize', number, number]
  | readonly ['signal', 'init' | 'monitor', number]

export interface Scenario {
  readonly runtime: string
  readonly run: string
  readonly dir: string
  readonly id: string
  readonly spec: Partial<SpecOptions> & Pick<SpecOptions, 'args' | 'rootfs'>
  readonly steps: readonly Step[]
}

export interface Refused {
  readonly error: string
  readonly code: string
  readonly exitCode: number
}

function giveUp(afterMs: number | undefined): Call {
  return afterMs === undefined ? {} : { signal: AbortSignal.timeout(afterMs) }
}

async function perform(scenario: Scenario): Promise<unknown[]> {
  enterPrivateMounts()
  const { id, dir, run } = scenario
  const runtime = findRuntime(scenario.runtime, { run })
  const monitor = conmon(runtime)
  const spec = buildSpec({ cgroupsPath: cgroupPath(id), hostname: 'box', ...scenario.spec })
  const terminal = scenario.spec.tty === true
  const monitoring = {
    dir,
    logPath: `${dir}.log`,
    terminal,
    stdin: true,
    keepStdin: terminal,
    exitCommand: [],
    name: id,
  }
  const own = { stdin: 0, stdout: 1, stderr: 2 } as const
  let attachment: Attachment | undefined
  let init = { pid: 0, startTime: 0 }
  let monitorPid = 0

  const act = async (step: Step): Promise<unknown> => {
    switch (step[0]) {
      case 'run': {
        const { pending, abortAfterMs } = step[1] ?? {}
        if (pending) mkdirSync(dir)
        const made =
          pending === 'refused' ? () => Promise.reject(new CairnError('unavailable', 'refused')) : async () => spec
        return await runtime.run(
          id,
          pending ? { dir, spec: made, grouped: true } : { dir, spec },
          own,
          giveUp(abortAfterMs),
        )
      }
      case 'create': {
        const { abortAfterMs, ...options } = step[1] ?? {}
        const created = await monitor.create(id, { dir, spec }, { ...monitoring, ...options }, giveUp(abortAfterMs))
        init = { pid: created.pid, startTime: processStartTime(created.pid) ?? 0 }
        monitorPid = created.monitorPid
        return 'created'
      }
      case 'attach':
        attachment = await monitor.attach(dir, { terminal, ...own })
        return 'attached'
      case 'closed':
        return await attachment?.done
      case 'exec':
        return await runtime.exec(id, { ...spec.process, terminal: false, args: step[1] }, { ...own, stdin: 'null' })
      case 'session':
        return await session(step[1], step[2])
      case 'kill':
        return await runtime.kill(id, step[1], { all: step[2] ?? false })
      case 'delete':
        await runtime.delete(id, { force: step[1] ?? false })
        return removeOuterGroup(id)
      case 'resize':
        return monitor.resize(dir, step[1], step[2])
      case 'signal':
        return kill(step[1] === 'init' ? init.pid : monitorPid, step[2])
      case 'state':
        return (await runtime.state(id))?.status
      case 'recorded':
        return { exit: readExit(dir) }
      case 'wait':
        return await monitor.wait(dir)
      case 'ended':
        return await processEnd(init.pid, init.startTime)
      case 'processes':
        return await emptied()
      case 'removeCgroups':
        return await removeCgroups(cgroupPath(id))
      case 'start':
      case 'pause':
      case 'resume':
        return await runtime[step[0]](id)
    }
  }
  /** The kernel takes a namespace's processes off their groups a little after it has reported the death of the first. */
  const emptied = async (): Promise<number> => {
    const count = (): number => cgroupProcesses(cgroupPath(id)).length
    for (let tries = 0; count() > 0 && tries < 200; tries++) await new Promise((resolve) => setTimeout(resolve, 5))
    return count()
  }
  const session = async (args: readonly string[], size?: { rows: number; columns: number }): Promise<unknown> => {
    const options = { ...monitoring, dir: `${dir}.exec`, name: `${id}-exec`, logPath: '', terminal: size !== undefined }
    using waiting = await monitor.exec(id, { ...spec.process, terminal: size !== undefined, args }, options)
    if (args.length === 0) return 'dropped'
    const stdin = pipe()
    using client = await monitor.attach(options.dir, { terminal: size !== undefined, ...own, stdin: stdin.read })
    await waiting.start()
    if (size) monitor.resize(options.dir, size.rows, size.columns)
    const exit = await monitor.wait(options.dir)
    await client.done
    return exit
  }

  const results: unknown[] = []
  for (const step of scenario.steps) {
    try {
      results.push((await act(step)) ?? null)
    } catch (error) {
      const code = error instanceof CairnError ? error.code : 'none'
      const exitCode = error instanceof StartFailure ? error.exitCode : 125
      results.push({ error: String((error as Error).message), code, exitCode } satisfies Refused)
    }
  }
  attachment?.[Symbol.dispose]()
  return results
}

const [, , input, output] = process.argv
if (process.env.CAIRN_SCENARIO && input && output) {
  writeFileSync(output, JSON.stringify(await perform(JSON.parse(readFileSync(input, 'utf8')) as Scenario)))
  process.exit(0)
}

/** With v2 alone a runtime removes the inner of two groups; the outer is its caller's, and must be empty by then. */
function removeOuterGroup(id: string): void {
  const group = join(CGROUP_ROOT, cgroupPath(id))
  if (cgroupMode() === 'v2' && existsSync(group)) rmdirSync(group)
}
