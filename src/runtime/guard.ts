import { writeSync } from 'node:fs'
import { close, pipe } from '#sys'
import { runtimeEnvironment } from './commandline.ts'
import type { RuntimeDriver } from './driver.ts'
import type { Runtime } from './types.ts'

/** A runtime whose foreground containers end with this process; dispose of it when none runs any more. */
export interface GuardedRuntime extends Runtime, AsyncDisposable {}

/**
 * Makes the containers of `run` end with this process, by whatever death. Nothing in the kernel ties a container to
 * whoever asked for it, so a shell (1 MB) waits on a pipe that the kernel closes when we are gone, and then
 * has the runtime end what still runs. One for all, and none before the first container.
 */
export function guarded(runtime: Runtime): GuardedRuntime {
  let guard: Guard | undefined
  return {
    ...runtime,
    async run(id, bundle, io, call) {
      const told = (guard ??= startGuard(runtime as RuntimeDriver))
      told.tell(`+ ${id}\n`)
      try {
        return await runtime.run(id, bundle, io, call)
      } finally {
        told.tell(`- ${id}\n`)
      }
    },
    [Symbol.asyncDispose]: async () => {
      await guard?.end()
      guard = undefined
    },
  }
}

interface Guard {
  tell(line: string): void
  end(): Promise<void>
}

/**
 * Reads who runs and who has ended; at the end of its input kills the rest. A container that was being created
 * appears within moments, since its runtime lives on: that is waited for, two seconds at most.
 */
const SCRIPT = `trap '' INT TERM HUP QUIT
all=' '
while read -r what id; do
  case $what in
    +) all="$all$id " ;;
    -) all="\${all%% "$id" *} \${all#* "$id" }" ;;
  esac
done
for id in $all; do
  tries=0
  until "$@" kill "$id" 9 || [ $((tries += 1)) -ge 40 ]; do sleep 0.05; done
  "$@" delete --force "$id"
done`

function startGuard({ path, globals }: RuntimeDriver): Guard {
  const { read, write } = pipe()
  const child = Bun.spawn(['/bin/sh', '-c', SCRIPT, 'cairn-guard', path, ...globals], {
    stdio: [read, 'ignore', 'ignore'],
    cwd: '/',
    env: runtimeEnvironment(),
    // A session of its own: what ends our process group does not end it.
    detached: true,
  })
  close(read)
  return {
    tell: (line) => {
      // Somebody may have killed it: then there is nobody to tell.
      if (child.exitCode === null && child.signalCode === null) writeSync(write, line)
    },
    end: async () => {
      close(write)
      await child.exited
    },
  }
}
