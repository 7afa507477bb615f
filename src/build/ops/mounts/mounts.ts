import { join } from 'node:path'
import { checkCanceled, type Call } from '#base'
import type { MountOption } from '#runtime'
import { applyMounts, unmount } from '#sys'
import type { RunDefinition, Stack, StepMount, TmpfsMount } from '../definition.ts'
import type { StepEnvironment } from '../step.ts'
import { bindMount } from './bind.ts'
import { cacheMount, inOrder } from './cache.ts'
import { privateDirectory } from './private.ts'
import { secretMount } from './secret.ts'
import { sshMount } from './ssh.ts'
import type { MountContext, Mounted, OneMount } from './types.ts'

/** Makes ready what a step mounts; all of it is taken back when the answer is disposed. */
export async function openMounts(
  def: RunDefinition,
  environment: StepEnvironment,
  step: { readonly dir: string; readonly inputs: readonly Stack[] },
  call?: Call,
): Promise<Mounted & AsyncDisposable> {
  await using cleanup = new AsyncDisposableStack()
  const mounts = def.mounts ?? []
  const { dir } = step
  const reading = mounts.filter((mount) => 'input' in mount)
  const context: MountContext = {
    environment,
    dir,
    epoch: def.epoch,
    cleanup,
    caches: new Map(),
    input: (mount) => step.inputs[reading.indexOf(mount)]!,
    secrets: privateDirectory(join(dir, 'secrets'), cleanup),
  }
  const opened = new Map<StepMount, OneMount>()
  // Caches may have to be waited for: before anything else is held.
  for (const mount of inOrder(mounts)) {
    checkCanceled(call)
    opened.set(mount, await open(mount, context, call))
  }
  const kept = cleanup.move()
  return { ...summary(mounts, opened), [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

async function open(mount: StepMount, context: MountContext, call?: Call): Promise<OneMount> {
  switch (mount.type) {
    case 'bind':
      return await bindMount(mount, context, call)
    case 'cache':
      return await cacheMount(mount, context, call)
    case 'tmpfs':
      return { mount: context.environment.limits.onError ? keptTmpfs(mount, context) : tmpfs(mount) }
    case 'secret':
      return secretMount(mount, context)
    case 'ssh':
      return await sshMount(mount, context)
  }
}

/** As BuildKit has it: programs may be run from it, and devices made in it. */
function tmpfs({ target, readonly, size }: TmpfsMount): MountOption {
  return { type: 'tmpfs', target, readonly, options: `exec,dev${size === undefined ? '' : `,size=${size}`}` }
}

/** One that is still there, with what is in it, when the step has failed and somebody looks at it. */
function keptTmpfs({ target, readonly, size }: TmpfsMount, { dir, cleanup }: MountContext): MountOption {
  const source = join(dir, `tmpfs-${crypto.randomUUID()}`)
  applyMounts([{ type: 'tmpfs', target: source, options: `mode=1777${size === undefined ? '' : `,size=${size}`}` }])
  cleanup.defer(() => void unmount(source, { lazy: true }))
  return { type: 'bind', source, target, readonly }
}

function summary(mounts: readonly StepMount[], opened: ReadonlyMap<StepMount, OneMount>): Mounted {
  const all = mounts.flatMap((mount) => opened.get(mount) ?? [])
  return {
    mounts: all.flatMap(({ mount }) => mount ?? []),
    env: all.flatMap(({ env = [] }) => env),
    points: all.flatMap(({ mount, isFile = false }) => (mount ? [{ path: mount.target, isFile }] : [])),
  }
}
