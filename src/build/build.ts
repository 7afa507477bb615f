import { resolve } from 'node:path'
import type { Call } from '#base'
import { whyNotEmulated } from '#runtime'
import { parseDockerfile } from './dockerfile/parse.ts'
import { planBuild, type Plan } from './dockerfile/plan/plan.ts'
import type { Dockerfile } from './dockerfile/syntax.ts'
import { epochs } from './epochs.ts'
import { exportImages } from './export/images.ts'
import { solvePlans } from './solveplans.ts'
import { readDockerfile } from './source/context.ts'
import { LocalTrees, MAIN_CONTEXT } from './source/localtrees.ts'
import type { BuildHost, BuildOptions, BuildResult } from './types.ts'

/**
 * Builds an image, or one for each of several platforms and an index of them, from a Dockerfile. The result is in the
 * host's stores, under the host's lease and without a name: naming it is the caller's. Enters a private mount
 * namespace, so the process may use no asynchronous file system calls afterwards. Errors that a line of the
 * Dockerfile caused carry its place.
 */
export async function build(host: BuildHost, options: BuildOptions, call?: Call): Promise<BuildResult> {
  const context = resolve(options.context)
  const source = readDockerfile(context, options.dockerfile, options.dockerfileBytes)
  const dockerfile = parseDockerfile(source.bytes, source.name)
  const times = epochs(options, context)
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
          resolveImage: (ref, wanted, inner) => host.resolveImage(ref, wanted, inner),
        },
        call,
      ),
    ),
  )
  warn(dockerfile, plans[0]!, call)
  using trees = new LocalTrees(
    host.db,
    new Map([[MAIN_CONTEXT, { path: context, ...(source.path === undefined ? {} : { dockerfile: source.path }) }]]),
  )
  // A context that is missing or has a malformed ignore file is told of even where nothing reads it.
  trees.get(MAIN_CONTEXT)
  const { stacks, ...counts } = await solvePlans(host, options, { plans, trees }, call)
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
