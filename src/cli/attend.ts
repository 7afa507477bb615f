import { openSync } from 'node:fs'
import { CairnError } from '#base'
import type { CallerIo, Container, Node } from '#engine'
import type { Context } from './command.ts'
import { configuredDetachKeys, parseDetachKeys } from './detachkeys.ts'
import { invalidValue } from './flags/invalidvalue.ts'
import { isTerminal } from './terminal.ts'

/** Our own stdio, as the engine wants it. */
export function callerIo(options: {
  readonly stdin: boolean
  readonly stdout?: boolean
  readonly stderr?: boolean
  readonly tty: boolean
  readonly detachKeys?: string
}): CallerIo {
  if (options.tty && options.stdin && !isTerminal(0))
    // With Docker's exit code for that, whatever the command's own.
    throw Object.assign(
      new CairnError('invalid_argument', 'the input device is not a TTY', {
        hint: 'leave -t away, or run it in a terminal',
      }),
      { exitCode: 1 },
    )
  return {
    ...(options.stdin ? { stdin: 0 } : {}),
    stdout: options.stdout === false ? nowhere() : 1,
    stderr: options.stderr === false ? nowhere() : 2,
    ...(options.tty && isTerminal(options.stdin ? 0 : 1) ? { terminal: { fd: options.stdin ? 0 : 1 } } : {}),
    ...detachKeys(options.detachKeys ?? (options.tty && options.stdin ? configuredDetachKeys() : undefined)),
  }
}

function detachKeys(text: string | undefined): Pick<CallerIo, 'detachKeys'> {
  return text === undefined ? {} : { detachKeys: parseDetachKeys(text) }
}

/** For what is not attached: open as long as this process. */
function nowhere(): number {
  return openSync('/dev/null', 'w')
}

const STREAMS = ['stdin', 'stdout', 'stderr'] as const

/** Which streams `--attach` names; all of them without it. */
export function attachedStreams(names: readonly string[] = STREAMS): Record<(typeof STREAMS)[number], boolean> {
  const given = names.map((name) => name.toLowerCase())
  const odd = given.findIndex((name) => !(STREAMS as readonly string[]).includes(name))
  if (odd >= 0) invalidValue(names[odd]!, '--attach', 'STDIN, STDOUT or STDERR')
  return { stdin: given.includes('stdin'), stdout: given.includes('stdout'), stderr: given.includes('stderr') }
}

const PROXIED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGCONT'] as const
const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const

/**
 * Passes the signals that we get to a container (unless a terminal makes them itself); returns how to stop.
 * Unproxied, they end this process, and the container runs on.
 */
export function proxySignals(
  context: Context,
  node: Node,
  container: () => Container | undefined,
  proxy: boolean = true,
): () => void {
  context.takeSignals()
  if (!proxy) return leaveOnSignals()
  const forward = (signal: NodeJS.Signals): void => {
    const target = container()
    // It may have exited a moment ago: then there is nobody to tell.
    if (target) void node.containers.kill(target.id, signal).catch(() => undefined)
  }
  for (const signal of PROXIED) process.on(signal, forward)
  return () => {
    for (const signal of PROXIED) process.off(signal, forward)
  }
}

/** Ends this process as the signal would have, but with its terminal restored. */
function leaveOnSignals(): () => void {
  const leave = (_: NodeJS.Signals, number: number): never => process.exit(128 + number)
  for (const signal of ENDING) process.on(signal, leave)
  return () => {
    for (const signal of ENDING) process.off(signal, leave)
  }
}
