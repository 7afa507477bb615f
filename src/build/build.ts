import type { Call } from '#base'
import { whyNotEmulated } from '#runtime'
import { openMainContext } from './context/main.ts'
import { openNamedContexts } from './context/named.ts'
import { parseDockerfile } from './dockerfile/parse.ts'
import { planBuild, type Plan } from './dockerfile/plan/plan.ts'
import type { PlannedContexts } from './dockerfile/plan/sources.ts'
import type { Dockerfile } from './dockerfile/syntax.ts'
import { epochs } from './epochs.ts'
import { exportImages } from './export/images.ts'
import { BuildSession } from './session.ts'
import type { BuildHost, BuildOptions, BuildResult } from './types.ts'

/**
 * Builds an image, or one for each of several platforms and an index of them, from a Dockerfile. The result is in the
 * host's stores, under the host's lease and without a name: naming it is the caller's. Enters a private mount
 * namespace, so the process may use no asynchronous file system calls afterwards. Errors that a line of the
 * Dockerfile caused carry its place.
 */
export async function build(host: BuildHost, options: BuildOptions, call?: Call): Promise<BuildResult> {
  using session = new BuildSession(host, options)
  const { dockerfile, planned, head } = await openContexts(host, options, session, call)
  const times = epochs(options, head)
  const platforms = options.platforms ?? [undefined]
  const plans = await Promise.all(
    platforms.map((platform) =>
      planBuild(
        dockerfile,
        {
          ...options,
          ...(platform ? { platform } : {}),
          oneOfSeveral: platforms.length > 1,
          whyNotRunnable: whyNotEmulated,
          ...(times.explicit === undefined ? {} : { epoch: times.explicit }),
          planned,
          resolveImage: (ref, wanted, inner) => host.resolveImage(ref, wanted, inner),
        },
        call,
      ),
    ),
  )
  warn(dockerfile, plans[0]!, call)
  const { stacks, ...counts } = await session.solve(plans, call)
  const made = plans.map(({ state }, i) => ({
    state,
    layers: stacks[i]!,
    platform: platforms[i] ?? state.platform,
    created: times.created,
    labels: options.labels ?? {},
  }))
  const asIndex = made.length > 1 || isTrue(options.buildArgs?.['BUILDKIT_MULTI_PLATFORM'])
  return { ...(await exported(call, () => exportImages(host, made, asIndex, call))), ...counts }
}

interface Opened {
  readonly dockerfile: Dockerfile
  readonly planned: PlannedContexts
  readonly head: number | undefined
}

async function openContexts(
  host: BuildHost,
  options: BuildOptions,
  session: BuildSession,
  call?: Call,
): Promise<Opened> {
  const named = openNamedContexts(options.contexts ?? {}, {
    directories: session.directories,
    resolveImage: (ref, platform, inner) => host.resolveImage(ref, platform, inner),
  })
  const main = await openMainContext(options, session, call)
  // A context that is missing or has a malformed ignore file is told of even where nothing reads it.
  if ('tree' in main.from) session.trees.get(main.from.tree)
  const dockerfile = parseDockerfile(main.dockerfile.bytes, main.dockerfile.name)
  return { dockerfile, planned: { ...named, main: main.from }, head: main.commitTime }
}

/** As Go reads truth. */
function isTrue(text: string | undefined): boolean {
  return /^(?:1|t|true)$/i.test(text ?? '')
}

function warn(dockerfile: Dockerfile, plan: Plan, call: Call | undefined): void {
  for (const warning of dockerfile.warnings) call?.progress?.({ kind: 'warning', ...warning })
  if (plan.unusedArgs.length > 0)
    call?.progress?.({
      kind: 'warning',
      message: `build arguments that no ARG declares: ${plan.unusedArgs.join(', ')}`,
    })
  if (plan.unusedFilters.length > 0)
    call?.progress?.({
      kind: 'warning',
      message: `no stage is called ${plan.unusedFilters.join(', ')}: --no-cache-filter has no effect there`,
    })
}

const EXPORTING = 'export'

/** Reports the export as a step of its own. */
async function exported<T>(call: Call | undefined, work: () => Promise<T>): Promise<T> {
  const step = { kind: 'vertex', id: EXPORTING, name: 'exporting to image', started: Date.now() } as const
  call?.progress?.(step)
  const result = await work()
  call?.progress?.({ ...step, completed: Date.now() })
  return result
}
