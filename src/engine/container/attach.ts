import { closeSync } from 'node:fs'
import { fail, type Call } from '#base'
import type { Attachment, Exit, Monitor } from '#runtime'
import { makeRaw, pipe, setNonBlocking, setTerminal, windowSize } from '#sys'
import type { Parts } from '../parts.ts'
import type { CallerIo, Ended } from '../types.ts'
import { createDetector } from './detach.ts'
import { ended as waitEnded } from './ended.ts'
import { monitorGone } from './identity.ts'
import { writeAll } from './stdio.ts'
import type { ContainerRecord } from './table.ts'

/** Connects the caller's stdio to a running container until it exits or the caller detaches. */
export async function attach(parts: Parts, ref: string, io: CallerIo, call?: Call): Promise<Ended> {
  const record = parts.containers.find(ref)
  if (record.state !== 'running')
    fail(
      'failed_precondition',
      `you cannot attach to a ${record.state === 'paused' ? 'paused' : 'stopped'} container, ${record.state === 'paused' ? 'unpause' : 'start'} it first`,
    )
  if (record.direct)
    fail(
      'failed_precondition',
      `container ${record.name} belongs to the terminal that runs it: it cannot be attached to`,
    )
  const monitor = await parts.monitor(await parts.runtime(record.config.options.runtime))
  const client = await attachTo(attendContainer(parts, record, monitor, call), io, call)
  client.started({ redraw: true })
  return client.ended
}

/** A connection that was made before the container runs. */
export interface Client extends Disposable {
  /** The container runs: its terminal gets our size from now on. `redraw` has it drawn even if that is its size already. */
  started(options?: { readonly redraw?: boolean }): void
  readonly ended: Promise<Ended>
}

/** A process under a monitor: a container's first one, or another. */
export interface Attendable {
  readonly monitor: Monitor
  /** The monitor's directory. */
  readonly dir: string
  readonly tty: boolean
  /** How it ended, once it has closed its output. */
  wait(): Promise<Exit>
}

export function attendContainer(
  parts: Parts,
  { id, config }: ContainerRecord,
  monitor: Monitor,
  call?: Call,
): Attendable {
  return {
    monitor,
    dir: parts.paths.running(id),
    tty: config.options.tty === true,
    wait: async () => {
      const after = await waitEnded(parts, id, {}, call)
      // Nothing of an auto-removed container is left when its command line returns.
      if (after?.state === 'removed') await monitorGone(after)
      return { code: after?.exitCode ?? 0, ...(after?.oomKilled && { oomKilled: true }) }
    },
  }
}

export async function attachTo(what: Attendable, io: CallerIo, call?: Call): Promise<Client> {
  const { monitor, dir, tty } = what
  const detached = Promise.withResolvers<'detached'>()
  const resize = (rows: number, columns: number): void => monitor.resize(dir, rows, columns)
  const terminal = tty && io.terminal ? openTerminal(io.terminal.fd, resize, io.stdin !== undefined) : undefined
  // Keys are looked at only where a person types them: a piped stdin goes straight to the container.
  const onDetach = (): void => detached.resolve('detached')
  const keys = terminal && io.stdin !== undefined ? watchKeys(io.stdin, io.detachKeys, onDetach) : undefined
  const stdin = keys ?? io.stdin
  let attachment: Attachment
  try {
    const streams = { stdout: io.stdout, stderr: io.stderr, ...(stdin !== undefined && { stdin }) }
    attachment = await monitor.attach(dir, { terminal: tty, ...streams }, call)
  } catch (error) {
    terminal?.restore()
    throw error
  }
  const close = (): void => {
    attachment[Symbol.dispose]()
    terminal?.restore()
  }
  const run = async (): Promise<Ended> => {
    try {
      const how = await Promise.race([attachment.done, detached.promise])
      return how === 'detached' ? { code: 0, detached: true } : await what.wait()
    } finally {
      close()
    }
  }
  const ended = run()
  // Observed by whoever asks: one that fails before that is no unhandled rejection.
  ended.catch(() => undefined)
  return { started: (options) => terminal?.follow(options?.redraw === true), ended, [Symbol.dispose]: close }
}

interface OwnTerminal {
  follow(redraw: boolean): void
  restore(): void
}

/**
 * Puts the caller's terminal into raw mode, so that every key reaches the container's. One that is only looked at
 * stays as it is: there Ctrl-C is a signal to us, which is passed on.
 */
function openTerminal(fd: number, resize: (rows: number, columns: number) => void, typed: boolean): OwnTerminal {
  const before = typed ? makeRaw(fd) : undefined
  const onResize = (): void => {
    const size = windowSize(fd)
    if (size && size.rows > 0) resize(size.rows, size.columns)
  }
  let raw = true
  const restore = (): void => {
    if (!raw) return
    raw = false
    process.off('SIGWINCH', onResize)
    process.off('exit', restore)
    if (before) setTerminal(fd, before)
  }
  process.on('exit', restore)
  return {
    follow: (redraw) => {
      process.on('SIGWINCH', onResize)
      const size = redraw ? windowSize(fd) : undefined
      // Programs draw when their terminal's size changes: a prompt that was shown before we came is shown again.
      if (size && size.rows > 0) resize(size.rows + 1, size.columns)
      onResize()
    },
    restore,
  }
}

/** Passes what is typed on through a pipe, but for the keys that detach. Answers the pipe's reading end. */
function watchKeys(from: number, keys: Uint8Array | undefined, onDetach: () => void): number {
  const { read, write } = pipe()
  setNonBlocking(write, true)
  const detector = createDetector(keys)
  const carry = async (): Promise<void> => {
    for await (const chunk of Bun.file(from).stream() as unknown as AsyncIterable<Uint8Array>) {
      const { pass, detach } = detector(chunk)
      if (pass.length > 0 && !(await writeAll(write, pass))) return
      if (detach) return onDetach()
    }
    closeSync(write)
  }
  void carry()
  return read
}
