import { checkCanceled, type Call } from '#base'
import { openReadonlyExecutable } from '#sys'
import { runtimeEnvironment } from './commandline.ts'
import { complaintIn, isUnknown, unknown } from './complaint.ts'
import { startFailure } from './failure.ts'
import type { Stdio, Stream } from './types.ts'

/** A runtime in the foreground. */
export interface Attended {
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
export async function attend(what: Attended, call?: Call): Promise<{ code: number; killed: boolean }> {
  const stream = (value: Stream): number | 'ignore' => (value === 'null' ? 'ignore' : value)
  const { stdin, stdout, stderr } = what.io
  const [path = '', ...args] = what.argv
  using opened = new DisposableStack()
  const safe = what.kind === 'crun' ? opened.use(openReadonlyExecutable(path)) : undefined
  const child = Bun.spawn([safe?.path ?? path, ...args], {
    argv0: path,
    stdio: [stream(stdin), stream(stdout), stream(stderr), ...what.extra],
    // Out of our process group: what a terminal sends to that, the caller passes on, and once is enough.
    detached: what.stop !== undefined,
    env: { ...runtimeEnvironment(), ...(safe && SAFE_ALREADY) },
  })
  let stopping: Promise<void> | undefined
  const abort = (): void => void (stopping ??= end(child, what.stop))
  call?.signal?.addEventListener('abort', abort, { once: true })
  if (call?.signal?.aborted) abort()
  try {
    if (what.feed) await fed(child, what.feed)
    // The kernel takes 0.2 ms to put a mount away. Now the runtime is waited for; at its end, the caller would be kept waiting.
    opened.dispose()
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

/**
 * crun executes itself a second time, from a read-only mount of its binary, so that no container can write to that
 * through `/proc/PID/exe`. Started from such a mount it does not have to, which takes 2 ms less; it looks for
 * itself whether the mount is read-only.
 */
const SAFE_ALREADY = { _LIBCONTAINER_CLONED_BINARY: '1' }
