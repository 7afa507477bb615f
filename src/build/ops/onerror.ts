import { messageOf, utf8, type Call, type LogProgress } from '#base'
import type { Exit, RuntimeSpec, Stdio } from '#runtime'
import { windowSize } from '#sys'
import type { OnError } from '../options/step.ts'

/** A step that has failed and still stands: its root, its mounts, its network. */
interface FailedStep {
  readonly spec: RuntimeSpec
  readonly run: (spec: RuntimeSpec, io: Stdio) => Promise<Exit>
  /** Runs with the step's log as output. */
  readonly logged: (spec: RuntimeSpec) => Promise<Exit>
}

/** Bash where there is one. A foreground runtime gives its terminal no size. */
const SHELL = `stty rows ROWS cols COLS 2>/dev/null; [ -x /bin/bash ] && exec /bin/bash; exec /bin/sh`

/** Does what was asked for; whatever comes of it, the step has failed as it did. */
export async function afterError(onError: OnError, step: FailedStep, call?: Call): Promise<void> {
  try {
    if ('command' in onError) await step.logged(instead(step.spec, onError.command))
    else await onError.shell(async () => void (await openShell(step)))
  } catch (error) {
    call?.progress?.({ kind: 'log', stream: 'stderr', data: utf8(`--on-error: ${messageOf(error)}\n`) } as LogProgress)
  }
}

function openShell({ spec, run }: FailedStep): Promise<Exit> {
  const { rows, columns } = windowSize(1) ?? { rows: 24, columns: 80 }
  const text = SHELL.replace('ROWS', String(rows)).replace('COLS', String(columns))
  const shell = instead(spec, text)
  const env = shell.process.env.some((item) => item.startsWith('TERM='))
    ? shell.process.env
    : [...shell.process.env, `TERM=${process.env['TERM'] ?? 'xterm'}`]
  return run({ ...shell, process: { ...shell.process, env, terminal: true } }, { stdin: 0, stdout: 1, stderr: 2 })
}

function instead(spec: RuntimeSpec, text: string): RuntimeSpec {
  return { ...spec, process: { ...spec.process, args: ['/bin/sh', '-c', text] } }
}
